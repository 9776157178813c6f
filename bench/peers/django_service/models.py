"""Tables of the Django service: wide rows, each field where the list page shows and filters it."""

from django.contrib.postgres.fields import ArrayField
from django.db import models


class Block(models.Model):
    """A thousands block and its holder; the suite fills the table, the same for every peer."""

    block_id = models.IntegerField(primary_key=True)
    area_code = models.CharField(max_length=3)
    exchange = models.CharField(max_length=3)
    thousands = models.CharField(max_length=1)
    carrier = models.TextField(null=True)
    state = models.TextField(null=True)
    country = models.TextField(null=True)
    timezone = models.TextField(null=True)
    line_type = models.TextField(null=True)

    class Meta:
        db_table = "blocks"
        managed = False


class Task(models.Model):
    """A generation."""

    user_id = models.CharField(max_length=64)
    area_codes = ArrayField(models.CharField(max_length=3))
    quantity = models.IntegerField()
    delivered = models.IntegerField(default=0)
    status = models.CharField(max_length=16, default="pending")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "task"


class PhoneNumber(models.Model):
    """A number. Indexes: unique number, foreign key, a user's newest, each filter of the list page."""

    number = models.CharField(max_length=12, unique=True)
    area_code = models.CharField(max_length=3)
    exchange = models.CharField(max_length=3)
    carrier = models.TextField(null=True)
    state = models.TextField(null=True)
    country = models.TextField(null=True)
    timezone = models.TextField(null=True)
    line_type = models.TextField(null=True)
    is_valid = models.BooleanField(null=True)
    validated_at = models.DateTimeField(null=True)
    task = models.ForeignKey(Task, on_delete=models.CASCADE)
    user_id = models.CharField(max_length=64)
    project_id = models.CharField(max_length=64, null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "phone_number"
        indexes = (
            models.Index(fields=["user_id", "created_at"], name="phone_user"),
            models.Index(fields=["area_code"], name="phone_area_code"),
            models.Index(fields=["state"], name="phone_state"),
            models.Index(fields=["carrier"], name="phone_carrier"),
            models.Index(fields=["line_type"], name="phone_line_type"),
            models.Index(fields=["project_id"], name="phone_project"),
            models.Index(fields=["is_valid"], name="phone_is_valid"),
        )
