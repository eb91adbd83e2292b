-- A scorecard may fail a call for a critical miss, and says what is aimed at; a roster says who works where.

alter table core.scorecard_steps add column fails_call boolean;
update core.scorecard_steps set fails_call = false;

create table core.targets (
    scorecard varchar not null,
    team varchar,
    step varchar,
    target double not null,
    least_calls integer not null
);
comment on table core.targets is 'One row per target of the scorecards as last loaded; no step: the mean score, no team: all teams. Key: scorecard, team, step.';

create table core.bands (
    scorecard varchar not null,
    band varchar not null,
    from_score double not null
);
comment on table core.bands is 'One row per band of scores of the scorecards as last loaded. Key: scorecard, band.';

create table core.roster (
    agent_id varchar not null,
    valid_from date not null,
    agent_name varchar,
    team varchar,
    shift varchar,
    started_on date,
    language varchar
);
comment on table core.roster is 'One row per agent and change of the roster as last read. Key: agent_id, valid_from.';
