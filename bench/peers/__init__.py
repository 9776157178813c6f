"""Other ways to the same numbers, each as a competent user would write it, and what the suite runs them by.

Programs with libraries of their own (requirements.in, installed apart from the product's), which import nothing of
the product: django_service/, faker_copy, quix_pipeline, each asked through serve. In the suite's process: sql,
tables, process.
"""
