"""The clients that are made from the OpenAPI document: in Python, and types for TypeScript."""
