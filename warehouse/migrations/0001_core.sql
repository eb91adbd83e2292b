-- Core tables. No primary-key indexes: loading replaces rows by call, which is faster and leaves none stale;
-- keys are named in each table's comment and held by the loader. Rows are loaded in order of call_id, so that
-- a question about one call reads few blocks.

create schema core;

---------- how this file was made

create table core.migrations (
    number integer not null,
    name varchar not null,
    sha256 varchar not null
);
comment on table core.migrations is 'One row per step that made these tables. Key: number.';

create table core.view_sets (
    sha256 varchar not null
);
comment on table core.view_sets is 'One row: which set of views this file carries.';

---------- calls and what was heard

create table core.calls (
    call_id varchar not null,
    source varchar not null,
    started_at timestamptz,
    utc_offset_s integer,
    local_date date,
    iso_week varchar,
    agent_id varchar,
    agent_name varchar,
    team varchar,
    customer_id varchar,
    customer_name varchar,
    queue varchar,
    direction varchar
);
comment on table core.calls is 'One row per audited call: who, when, which queue. Key: call_id.';

create table core.recordings (
    call_id varchar not null,
    path varchar not null,
    sha256 varchar not null,
    size bigint not null,
    codec varchar not null,
    sample_rate integer not null,
    channels integer not null,
    duration_s double not null
);
comment on table core.recordings is 'One row per call that has an audio file. Key: call_id; sha256 is the identity that makes a rerun do nothing.';

create table core.transcripts (
    call_id varchar not null,
    transcript_hash varchar not null,
    engine varchar not null,
    model varchar not null,
    weights_hash varchar not null,
    settings_hash varchar not null,
    notice varchar not null,
    roles_from varchar not null,
    role_confidence double,
    role_evidence varchar not null,
    speech_roles varchar[] not null,
    confidence double,
    dropped_words integer not null,
    redactions integer not null,
    warnings varchar[] not null
);
comment on table core.transcripts is 'One row per call: how its words were written. Key: call_id; a new transcript replaces the old one with all verdicts on it.';

create table core.utterances (
    call_id varchar not null,
    position integer not null,
    turn integer not null,
    role varchar not null,
    channel integer,
    start_s double,
    end_s double,
    text varchar not null,
    char_offset integer not null,
    is_signal boolean not null,
    confidence double,
    words struct("text" varchar, "start" double, "end" double, confidence double)[] not null
);
comment on table core.utterances is 'One row per utterance of a call. Key: call_id, position.';

create table core.speech_spans (
    call_id varchar not null,
    role varchar not null,
    position integer not null,
    start_s double not null,
    end_s double not null
);
comment on table core.speech_spans is 'One row per stretch of speech on the channel of one role. Key: call_id, role, position.';

---------- rules

create table core.rulebooks (
    rulebook_version varchar not null,
    load_number integer not null,
    loaded_at timestamptz
);
comment on table core.rulebooks is 'One row per rulebook version. Key: rulebook_version; the highest load_number is in force.';

create table core.rules (
    rulebook_version varchar not null,
    rule_id varchar not null,
    step varchar not null,
    asks varchar not null,
    why varchar not null,
    sources varchar[] not null,
    status varchar not null,
    applies varchar not null,
    definition varchar not null
);
comment on table core.rules is 'One row per rule of a rulebook version. Key: rulebook_version, rule_id.';

create table core.scorecard_steps (
    rulebook_version varchar not null,
    scorecard varchar not null,
    scorecard_title varchar not null,
    step_number integer not null,
    step varchar not null,
    step_title varchar not null,
    rule_id varchar not null,
    weight double not null,
    critical boolean not null
);
comment on table core.scorecard_steps is 'One row per rule in a step of a scorecard of a rulebook version. Key: rulebook_version, scorecard, step, rule_id.';

---------- what the audit said

create table core.call_measures (
    call_id varchar not null,
    rulebook_version varchar not null,
    transcript_hash varchar not null,
    run_id varchar not null,
    turns_agent integer not null,
    turns_customer integer not null,
    words_agent integer not null,
    words_customer integer not null,
    talk_share_agent double,
    words_per_minute_agent double,
    overlaps_by_agent integer,
    overlaps_by_customer integer,
    overlap_s double,
    silence_s double,
    holds integer,
    hold_s double,
    median_answer_gap_s double,
    longest_dead_air_s double,
    transfers integer not null,
    tense boolean not null,
    upset_at_start boolean not null,
    upset_at_end boolean not null,
    calmed boolean
);
comment on table core.call_measures is 'One row per audit of a call: what is shown but never scored. Key: call_id, rulebook_version.';

create table core.findings (
    call_id varchar not null,
    rulebook_version varchar not null,
    rule_id varchar not null,
    verdict varchar not null,
    reason varchar not null,
    shown integer,
    evidence struct(
        kind varchar, turn integer, "role" varchar, start_s double, end_s double, quote varchar, char_start integer,
        char_end integer, note varchar
    )[] not null
);
comment on table core.findings is 'One row per rule and audit of a call, as the rule judged it, with its evidence; never edited. Key: call_id, rulebook_version, rule_id.';

create table core.episodes (
    call_id varchar not null,
    rulebook_version varchar not null,
    episode integer not null,
    first_turn integer not null,
    last_turn integer not null,
    start_s double,
    end_s double,
    opened_by varchar not null,
    closed_by varchar not null
);
comment on table core.episodes is 'One row per tense stretch of a call. Key: call_id, rulebook_version, episode.';

create table core.promises (
    call_id varchar not null,
    rulebook_version varchar not null,
    promise integer not null,
    turn integer not null,
    start_s double,
    quote varchar not null,
    within_hours double not null,
    made_at timestamptz,
    due_at timestamptz
);
comment on table core.promises is 'One row per promise to contact the customer. Key: call_id, rulebook_version, promise.';

---------- people and runs

create table core.reviews (
    review_id varchar not null,
    call_id varchar not null,
    rule_id varchar not null,
    rulebook_version varchar,
    verdict varchar not null,
    reviewer varchar not null,
    reviewed_at timestamptz not null,
    note varchar not null
);
comment on table core.reviews is 'One row per judgement by a person on a finding; only ever added to. Key: review_id; the newest of a call and rule counts.';

create table core.runs (
    run_id varchar not null,
    kind varchar not null,
    state varchar not null,
    started_at timestamptz not null,
    ended_at timestamptz,
    rulebook_version varchar,
    found integer not null,
    audited integer not null,
    quarantined integer not null,
    failed integer not null,
    already integer not null,
    duplicates integer not null,
    message varchar not null
);
comment on table core.runs is 'One row per run. Key: run_id.';

create table core.quarantine (
    path varchar not null,
    sha256 varchar not null,
    size bigint not null,
    source varchar not null,
    code varchar not null,
    reason varchar not null,
    next_step varchar not null,
    call_id varchar,
    started_at timestamptz,
    local_date date,
    iso_week varchar,
    first_run_id varchar not null,
    last_run_id varchar not null,
    resolved_run_id varchar
);
comment on table core.quarantine is 'One row per file that could not be audited. Key: path, sha256 (empty where the file could not be read).';

create table core.erasures (
    erasure_id varchar not null,
    call_hash varchar not null,
    sha256 varchar not null,
    erased_at timestamptz not null,
    reason varchar not null
);
comment on table core.erasures is 'One row per call erased on request: hashes only, so that its recording is not audited again. Key: erasure_id, call_hash.';
