"""The gateway: progress over WebSockets, and the HTTP API with the page; keeps nothing that another one lacks."""
