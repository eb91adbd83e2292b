-- Some calls are heard a second time in another way, to tell which verdicts hang on the recogniser.

create table core.heard_again (
    call_id varchar not null,
    rule_id varchar not null,
    rulebook_version varchar not null,
    transcript_hash varchar not null,
    engine varchar not null,
    model varchar not null,
    settings_hash varchar not null,
    verdict varchar not null,
    verdict_again varchar not null,
    heard_at timestamptz not null
);
comment on table core.heard_again is 'One row per call that was heard a second time, by another engine or with other settings, and rule: the verdict on the stored words (of that hash) and on the others. Key: call_id, rulebook_version, rule_id.';
