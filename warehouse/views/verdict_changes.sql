-- one row per call and rule whose verdict differs between the audit that counts and the one by the rulebook before it
create view verdict_changes as
with audits as (
    select
        m.call_id,
        m.rulebook_version,
        lag(m.rulebook_version) over (partition by m.call_id order by b.load_number) as former_version
    from core.call_measures m
    join core.rulebooks b using (rulebook_version)
)
select
    c.call_id, c.source, c.started_at, c.local_date, c.iso_week, c.agent_id, c.agent_name, c.team, c.customer_id,
    c.queue, c.direction,
    now.rule_id,
    a.former_version,
    former.verdict as former_verdict,
    a.rulebook_version,
    now.rule_verdict as verdict,
    now.reason
from audits a
join core.calls c on c.call_id = a.call_id
join core.current_findings now on now.call_id = a.call_id and now.rulebook_version = a.rulebook_version
join core.findings former
    on former.call_id = a.call_id and former.rule_id = now.rule_id and former.rulebook_version = a.former_version
where former.verdict <> now.rule_verdict;
comment on view verdict_changes is 'One row per verdict of the rules that a newer rulebook turned, after a re-audit; overrides by people are not in it. Key: call_id, rule_id.';
