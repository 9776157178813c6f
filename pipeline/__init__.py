"""The steps as pure functions: values in, values out; no Kafka, no SQL, no clock, no chance of its own."""
