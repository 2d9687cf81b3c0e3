-- What is sent of alerts. The same conventions as in 0001.

-- New alerts of rules with actions, of which nothing has been decided yet.
CREATE TABLE fresh_alerts (
    alert TEXT NOT NULL PRIMARY KEY,
    rule TEXT NOT NULL,
    kind TEXT NOT NULL,
    slot_ms BIGINT NOT NULL,
    made_ms BIGINT NOT NULL
);

-- Alerts that an action tells of together with others, when the time of its summary has come.
CREATE TABLE gathered_alerts (
    rule TEXT NOT NULL,
    action TEXT NOT NULL,
    alert TEXT NOT NULL,
    kind TEXT NOT NULL,
    slot_ms BIGINT NOT NULL,
    since_ms BIGINT NOT NULL,
    PRIMARY KEY (rule, action, alert)
);

-- When an action that sends at most once in a period has sent last.
CREATE TABLE throttles (
    rule TEXT NOT NULL,
    action TEXT NOT NULL,
    sent_ms BIGINT NOT NULL,
    PRIMARY KEY (rule, action)
);

-- What is to be sent, was sent, or could not be.
CREATE TABLE deliveries (
    id TEXT NOT NULL PRIMARY KEY,
    rule TEXT NOT NULL,
    action TEXT NOT NULL,
    connector TEXT NOT NULL,
    alerts BIGINT NOT NULL,
    status TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    due_ms BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    -- Of several that were decided at once: which one comes first.
    number BIGINT NOT NULL,
    ended_ms BIGINT,
    error TEXT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX deliveries_by_status ON deliveries (status, due_ms);
