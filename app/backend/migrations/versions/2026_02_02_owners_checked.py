"""Check the owners that notes have, and find notes by them; both while notes are written."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

INDEX = "ix_notes_owner_id"


def upgrade() -> None:
    op.execute("ALTER TABLE notes VALIDATE CONSTRAINT fk_notes_owner_id_users")
    with op.get_context().autocommit_block():
        # One that was interrupted leaves an index that is not valid
        op.drop_index(INDEX, "notes", if_exists=True, postgresql_concurrently=True)
        op.create_index(INDEX, "notes", ["owner_id"], postgresql_concurrently=True)


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index(INDEX, "notes", if_exists=True, postgresql_concurrently=True)
