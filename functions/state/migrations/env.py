"""Runs migrations on the connection that `functions.state.migrate` hands over."""

from alembic import context

from functions.state.tables import METADATA

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=METADATA,
    render_item=context.config.attributes.get("render_item"),
    render_as_batch=True,
    transactional_ddl=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
