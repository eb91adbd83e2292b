-- one row per audited call
create view calls as
select
    c.call_id,
    c.interaction_id,
    c.source,
    c.started_at,
    (c.started_at at time zone 'UTC') + to_seconds(c.utc_offset_s) as started_local,
    c.local_date,
    c.iso_week,
    strftime(c.local_date, '%Y-%m') as month,
    date_trunc('week', c.local_date)::date as week_start,
    c.agent_id,
    c.agent_name,
    c.team,
    c.customer_id,
    c.customer_name,
    c.queue,
    c.direction,
    ---------- recording
    r.duration_s,
    r.path as recording_path,
    r.sha256,
    r.codec,
    r.sample_rate,
    r.channels,
    ---------- transcript
    t.engine,
    t.model,
    t.notice,
    t.language,
    t.roles_from,
    t.role_confidence,
    t.role_evidence,
    t.confidence,
    t.dropped_words,
    coalesce((select sum(u.end_s - u.start_s) from core.unheard_spans u where u.call_id = c.call_id), 0.0) as unheard_s,
    t.redactions,
    t.warnings,
    list_contains(t.speech_roles, 'agent') and list_contains(t.speech_roles, 'customer') as has_times,
    ---------- measures
    m.rulebook_version,
    m.turns_agent,
    m.turns_customer,
    m.words_agent,
    m.words_customer,
    m.talk_share_agent,
    m.words_per_minute_agent,
    m.overlaps_by_agent,
    m.overlaps_by_customer,
    m.overlap_s,
    m.silence_s,
    m.holds,
    m.hold_s,
    m.median_answer_gap_s,
    m.longest_dead_air_s,
    m.transfers,
    m.upset,
    case m.upset when 'clear' then true when 'none' then false end as tense,
    m.upset_at_start,
    m.upset_at_end,
    m.calmed
from core.calls c
join core.current_audits a on a.call_id = c.call_id
join core.call_measures m on m.call_id = a.call_id and m.rulebook_version = a.rulebook_version
join core.transcripts t on t.call_id = c.call_id
left join core.recordings r on r.call_id = c.call_id;
comment on view calls is 'One row per audited call: who, when, how it was heard, and what is measured but never scored. Undated calls have no week. Key: call_id.';
