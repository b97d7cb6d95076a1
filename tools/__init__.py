"""Development tools: generated pages, dashboards, migrations, mutation tests; nothing here is shipped."""
