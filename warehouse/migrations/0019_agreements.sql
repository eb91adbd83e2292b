-- What was agreed with an agent in coaching, and the moments that were listened to.

create table core.agreements (
    agreement_id varchar not null,
    agent_id varchar not null,
    scorecard varchar not null,
    step varchar not null,
    agreed_on date not null,
    agreed_by varchar not null,
    note varchar not null,
    recorded_at timestamptz not null
);
comment on table core.agreements is 'One row per thing agreed with an agent in coaching: a step of a scorecard to work on, since when, with whom. Key: agreement_id.';

create table core.saved_moments (
    agreement_id varchar not null,
    position integer not null,
    call_id varchar not null,
    at_s double
);
comment on table core.saved_moments is 'One row per moment of a call that an agreement was made about; it goes with its call. Key: agreement_id, position.';
