"""What Alembic runs: the missing migrations, on the connection that storage.schema opened."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    transactional_ddl=True,  # on SQLite too: storage.sqlite opens its transaction by hand
)
context.run_migrations()
