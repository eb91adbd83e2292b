-- one row per rulebook version and rule that it added, removed or changed against the version loaded before
create view rule_changes as
with versions as (
    select rulebook_version, load_number, loaded_at, lag(rulebook_version) over (order by load_number) as previous_version
    from core.rulebooks
),
placed as (
    select
        rulebook_version,
        rule_id,
        string_agg(concat_ws('/', scorecard, step, weight, critical, fails_call), ' ' order by scorecard, step) as places
    from core.scorecard_steps
    group by rulebook_version, rule_id
),
described as (
    select r.*, coalesce(placed.places, '') as places
    from core.rules r
    left join placed on placed.rulebook_version = r.rulebook_version and placed.rule_id = r.rule_id
),
pairs as (
    select v.rulebook_version, v.previous_version, r.rule_id, before as old, r as new
    from versions v
    join described r on r.rulebook_version = v.rulebook_version
    left join described before on before.rulebook_version = v.previous_version and before.rule_id = r.rule_id
    where v.previous_version is not null
    union all
    select v.rulebook_version, v.previous_version, before.rule_id, before, null
    from versions v
    join described before on before.rulebook_version = v.previous_version
    anti join described r on r.rulebook_version = v.rulebook_version and r.rule_id = before.rule_id
),
named as (
    select
        rulebook_version,
        previous_version,
        rule_id,
        case when old.rule_id is null then 'added' when new.rule_id is null then 'removed' else 'changed' end as change,
        concat_ws(', ',
            case when old.asks <> new.asks then 'question' end,
            case when old.status <> new.status then 'status' end,
            case when old.applies <> new.applies then 'when it applies' end,
            case when old.definition <> new.definition then 'check' end,
            case when old.places <> new.places then 'weight' end
        ) as what,
        coalesce(new.asks, old.asks) as asks
    from pairs
),
judged as (
    select a.rulebook_version, min(c.iso_week) as first_week
    from core.current_audits a
    join core.calls c on c.call_id = a.call_id
    group by a.rulebook_version
)
select
    n.rulebook_version, n.rule_id, n.previous_version, v.loaded_at, n.change, n.what, n.asks, judged.first_week
from named n
join versions v on v.rulebook_version = n.rulebook_version
left join judged on judged.rulebook_version = n.rulebook_version
where n.change <> 'changed' or n.what <> '';
comment on view rule_changes is 'One row per rule that a rulebook version added, removed or changed: where a trend is no longer comparable. Key: rulebook_version, rule_id.';
