"""What goes over the topics, and which they are: requests, events, their Avro schemas. Imports nothing of ours."""
