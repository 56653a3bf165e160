-- How fast destinations take deliveries: when the bucket of permits is full again (store/src/pace.rs).

CREATE TABLE paces (
    destination_id BLOB PRIMARY KEY NOT NULL CHECK (length(destination_id) = 16),
    full_at        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
