-- one row per call and rule; the quote shown is what earned or cost the verdict, else the nearest miss, else the trigger
create view findings as
with pieces as (
    select
        call_id,
        rulebook_version,
        rule_id,
        list(struct_pack(
            kind := kind, turn := turn, role := role, start_s := start_s, end_s := end_s, quote := quote,
            char_start := char_start, char_end := char_end, note := note
        ) order by position) as evidence,
        arg_min(
            struct_pack(kind := kind, role := role, start_s := start_s, quote := quote),
            (case kind when 'met' then 0 when 'against' then 1 when 'near_miss' then 2 else 3 end) * 1000000 + position
        ) as shown
    from core.evidence
    group by call_id, rulebook_version, rule_id
)
select
    c.call_id, c.source, c.started_at, c.local_date, c.iso_week, c.agent_id, c.agent_name, c.team, c.customer_id,
    c.queue, c.direction,
    f.rulebook_version,
    f.rule_id,
    r.step,
    r.asks,
    r.why,
    r.status,
    r.applies,
    f.verdict,
    f.rule_verdict,
    f.is_overridden,
    f.reviewed_by,
    f.review_note,
    f.reason,
    nullif(pieces.shown.quote, '') as quote,
    pieces.shown.kind as quote_kind,
    pieces.shown.role as quote_role,
    pieces.shown.start_s as at_s,
    coalesce(pieces.evidence, []) as evidence
from core.current_findings f
join core.calls c on c.call_id = f.call_id
left join core.rules r on r.rulebook_version = f.rulebook_version and r.rule_id = f.rule_id
left join pieces on pieces.call_id = f.call_id and pieces.rulebook_version = f.rulebook_version and pieces.rule_id = f.rule_id;
comment on view findings is 'One row per call and rule: the verdict, its reason in a sentence, and where to listen. The view to start from.';
