"""The clients that are made from the OpenAPI document: Python here, TypeScript's types by openapi-typescript."""
