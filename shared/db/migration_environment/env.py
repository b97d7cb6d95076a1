"""Alembic's entry: runs one service's migrations on the connection `shared.db.migrate` hands over."""

from alembic import context

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=context.config.attributes["metadata"],
    version_table=context.config.attributes["version_table"],
    render_as_batch=connection.dialect.name == "sqlite",
    compare_type=False,
    include_name=lambda name, kind, _parents: kind != "table" or name in context.config.attributes["metadata"].tables,
)
with context.begin_transaction():
    context.run_migrations()
