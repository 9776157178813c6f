"""Ask for 1,000 numbers, watch them come, read them, and save them."""

import os

from numberline.api import Client

url = f"http://127.0.0.1:{os.environ['NUMBERLINE_HTTP_PORT']}"

with Client(url, os.environ["TOKEN"]) as client:
    submitted = client.generate(1000, states=["NY", "NJ"], line_types=["wireless"], task_name="example")
    for task in client.watch(submitted.task_id):
        print(f"{task.status}: {task.processed_items} of {task.quantity}")
    carriers = {number.carrier for number in client.numbers(task_id=submitted.task_id)}
    print(f"of {len(carriers)} operating companies")
    client.export("numbers.csv", task_id=submitted.task_id)
