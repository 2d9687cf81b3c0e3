-- What the interfaces of rules, exceptions and lists keep beside them. The same conventions as in 0001.

-- Who changed what, when.
CREATE TABLE audit (
    number BIGINT NOT NULL PRIMARY KEY,
    at_ms BIGINT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    kind TEXT NOT NULL,
    object TEXT NOT NULL,
    body TEXT NOT NULL
);

-- The number given out last: whoever writes to it keeps others from taking the same.
CREATE TABLE audit_counter (
    id BIGINT NOT NULL PRIMARY KEY,
    last BIGINT NOT NULL
);
INSERT INTO audit_counter (id, last) VALUES (1, 0);

-- What is said of value lists beside their values, and connectors.
CREATE TABLE objects (
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    body TEXT NOT NULL,
    updated_ms BIGINT NOT NULL,
    PRIMARY KEY (kind, name)
);
