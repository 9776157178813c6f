"""A Django service whose Celery task makes the numbers: the way most web teams would go."""
