-- Findings are drawn for people to judge, at random or because they are doubtful; what is contested is kept as events.

alter table core.reviews add column sample_id varchar;
alter table core.reviews add column is_blind boolean;

create table core.review_samples (
    sample_id varchar not null,
    sample_kind varchar not null,
    call_id varchar not null,
    rule_id varchar not null,
    rulebook_version varchar not null,
    rule_verdict varchar not null,
    drawn_for varchar not null,
    drawn_at timestamptz not null
);
comment on table core.review_samples is 'One row per finding drawn for review: at random, or targeted, which no rate is ever told from. Key: sample_id, call_id, rule_id.';

create table core.dispute_events (
    event_id varchar not null,
    call_id varchar not null,
    rule_id varchar not null,
    dispute_state varchar not null,
    said_by varchar not null,
    said_at timestamptz not null,
    note varchar not null
);
comment on table core.dispute_events is 'One row per thing said in a dispute about a finding; only ever added to. Key: event_id; the newest of a call and rule is its state.';
