-- one row per call and rule; the quote shown is what earned or cost the verdict, else the nearest miss, else the trigger
create view findings as
select
    c.call_id, c.source, c.started_at, c.local_date, c.iso_week, strftime(c.local_date, '%Y-%m') as month,
    c.agent_id, c.agent_name, c.team, c.customer_id,
    c.queue, c.direction,
    f.rulebook_version,
    f.rule_id,
    r.step,
    r.asks,
    r.why,
    r.status,
    r.applies,
    coalesce(k.is_critical, false) as is_critical,
    f.verdict,
    f.rule_verdict,
    f.is_overridden,
    f.is_proven,
    f.reviewed_by,
    f.review_note,
    f.reason,
    f.reason_code,
    f.miss_kind,
    f.seconds,
    f.how_many,
    f.limit_number,
    f.limit_unit,
    f.since,
    f.confidence,
    f.named,
    f.other_call_id,
    f.certainty,
    f.witness,
    nullif(f.evidence[f.shown].quote, '') as quote,
    f.evidence[f.shown].kind as quote_kind,
    f.evidence[f.shown].role as quote_speaker,
    f.evidence[f.shown].start_s as at_s,
    f.evidence[f.shown].act as act,
    f.evidence[f.shown].probability as probability,
    f.evidence
from core.current_findings f
join core.calls c on c.call_id = f.call_id
left join core.rules r on r.rulebook_version = f.rulebook_version and r.rule_id = f.rule_id
left join (
    select rulebook_version, rule_id, bool_or(critical) as is_critical from core.scorecard_steps group by all
) k on k.rulebook_version = f.rulebook_version and k.rule_id = f.rule_id;
comment on view findings is 'One row per call and rule: the verdict, its reason in a sentence, and where to listen. The view to start from. Key: call_id, rule_id.';
