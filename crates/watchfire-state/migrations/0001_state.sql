-- One text for SQLite and PostgreSQL: only TEXT and BIGINT, no numbers given out by the database. Times are milliseconds
-- since 1970, truth values 0 and 1, and columns named `body`, `messages`, `tags`, `assignees`, `document` JSON.

CREATE TABLE rules (
    id TEXT NOT NULL PRIMARY KEY,
    rule_id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    enabled BIGINT NOT NULL,
    version BIGINT NOT NULL,
    -- Raised by each change of the rule.
    revision BIGINT NOT NULL,
    -- Where the rule came from.
    source TEXT NOT NULL,
    body TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL,
    -- Executions are owed for the time from here on; null while the rule is not enabled.
    scheduled_from_ms BIGINT,
    -- Raised by each settlement: of two that began from the same state, the second fails.
    settled BIGINT NOT NULL,
    -- The longest window that the rule has had.
    reach_ms BIGINT NOT NULL
);

CREATE TABLE executions (
    id TEXT NOT NULL PRIMARY KEY,
    rule TEXT NOT NULL,
    kind TEXT NOT NULL,
    slot_ms BIGINT NOT NULL,
    from_ms BIGINT NOT NULL,
    to_ms BIGINT NOT NULL,
    status TEXT NOT NULL,
    started_ms BIGINT NOT NULL,
    ended_ms BIGINT,
    found BIGINT NOT NULL,
    alerts BIGINT NOT NULL,
    suppressed BIGINT NOT NULL,
    held_back BIGINT NOT NULL,
    late BIGINT NOT NULL,
    gap_from_ms BIGINT,
    gap_to_ms BIGINT,
    messages TEXT NOT NULL
);
CREATE INDEX executions_by_rule ON executions (rule, slot_ms);
CREATE INDEX executions_by_status ON executions (status);

-- Unions of time: that of slots is what executions stand for, that of windows what they have searched.
CREATE TABLE covered (
    rule TEXT NOT NULL,
    axis TEXT NOT NULL,
    from_ms BIGINT NOT NULL,
    to_ms BIGINT NOT NULL,
    PRIMARY KEY (rule, axis, from_ms)
);

-- Slots whose execution has failed: they are tried again, after a while.
CREATE TABLE failures (
    rule TEXT NOT NULL,
    slot_ms BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    not_before_ms BIGINT NOT NULL,
    PRIMARY KEY (rule, slot_ms)
);

-- What was found, and the alert that tells of it.
CREATE TABLE detections (
    rule TEXT NOT NULL,
    id TEXT NOT NULL,
    slot_ms BIGINT NOT NULL,
    alert TEXT NOT NULL,
    PRIMARY KEY (rule, id)
);
CREATE INDEX detections_by_slot ON detections (rule, slot_ms);

-- Alerts that wait, since an execution had made as many as it may.
CREATE TABLE carry_over (
    rule TEXT NOT NULL,
    position BIGINT NOT NULL,
    slot_ms BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (rule, position)
);

-- The alerts that cover what follows in their group.
CREATE TABLE suppression (
    rule TEXT NOT NULL,
    alert TEXT NOT NULL,
    group_key TEXT NOT NULL,
    opened_ms BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (rule, alert)
);
CREATE INDEX suppression_by_time ON suppression (rule, opened_ms);

-- The executions at which a bucket of a threshold has alerted.
CREATE TABLE bucket_marks (
    rule TEXT NOT NULL,
    bucket TEXT NOT NULL,
    slot_ms BIGINT NOT NULL,
    from_ms BIGINT NOT NULL,
    to_ms BIGINT NOT NULL,
    alert TEXT NOT NULL,
    PRIMARY KEY (rule, bucket, slot_ms)
);
CREATE INDEX bucket_marks_by_slot ON bucket_marks (rule, slot_ms);

CREATE TABLE alerts (
    id TEXT NOT NULL PRIMARY KEY,
    rule TEXT NOT NULL,
    slot_ms BIGINT NOT NULL,
    made_ms BIGINT NOT NULL,
    severity TEXT NOT NULL,
    risk_score BIGINT NOT NULL,
    -- Of an alert behind that on a sequence: that alert.
    shell TEXT,
    status TEXT NOT NULL,
    tags TEXT NOT NULL,
    assignees TEXT NOT NULL,
    -- Who changed the status, when and why.
    status_changed_ms BIGINT,
    status_changed_by TEXT,
    status_reason TEXT,
    document TEXT NOT NULL
);
CREATE INDEX alerts_by_time ON alerts (made_ms);
CREATE INDEX alerts_by_rule ON alerts (rule, slot_ms);

CREATE TABLE alert_history (
    alert TEXT NOT NULL,
    number BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    actor TEXT NOT NULL,
    change TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (alert, number)
);

-- Exception lists, their items and value lists.
CREATE TABLE exceptions (
    kind TEXT NOT NULL,
    namespace TEXT NOT NULL,
    list TEXT NOT NULL,
    item TEXT NOT NULL,
    body TEXT NOT NULL,
    updated_ms BIGINT NOT NULL,
    PRIMARY KEY (kind, namespace, list, item)
);
