-- What counts: of several audits of a call the one by the newest rulebook, of several reviews the newest.
-- Every other view reads verdicts from here, so this is the one place where that is decided.

-- one row per call
create view core.current_audits as
select m.call_id, arg_max(m.rulebook_version, b.load_number) as rulebook_version
from core.call_measures m
join core.rulebooks b using (rulebook_version)
where m.call_id not in (select call_id from core.impossible_calls)
group by m.call_id;
comment on view core.current_audits is 'One row per call: the rulebook whose verdicts count, the newest loaded of those that judged it. Key: call_id.';

-- one row per reviewed call and rule
create view core.current_reviews as
select call_id, rule_id, verdict, reviewer, note
from core.reviews
qualify row_number() over (partition by call_id, rule_id order by reviewed_at desc, review_id desc) = 1;
comment on view core.current_reviews is 'One row per reviewed call and rule: the newest judgement by a person. Key: call_id, rule_id.';

-- one row per call and rule
create view core.current_findings as
select
    f.call_id,
    f.rulebook_version,
    f.rule_id,
    coalesce(r.verdict, f.verdict) as verdict,
    f.verdict as rule_verdict,
    coalesce(r.verdict <> f.verdict, false) as is_overridden,
    -- One witness alone makes no miss critical, until a person confirms it.
    r.verdict is not null or coalesce(f.witness = 'both', true) as is_proven,
    r.reviewer as reviewed_by,
    r.note as review_note,
    coalesce(f.former_reason, reason_of(
        f.reason_code, f.miss_kind, f.seconds, f.how_many, f.limit_number, f.limit_unit, f.since, f.confidence,
        f.named, f.other_call_id)) as reason,
    f.reason_code,
    if(coalesce(r.verdict, f.verdict) = 'missed', if(f.verdict = 'missed', f.miss_kind, 'by_a_person'), null) as miss_kind,
    f.seconds,
    f.how_many,
    f.limit_number,
    f.limit_unit,
    f.since,
    f.confidence,
    f.named,
    f.other_call_id,
    f.shown,
    f.evidence,
    f.certainty,
    f.witness
from core.findings f
join core.current_audits a on a.call_id = f.call_id and a.rulebook_version = f.rulebook_version
left join core.current_reviews r on r.call_id = f.call_id and r.rule_id = f.rule_id;
comment on view core.current_findings is 'One row per call and rule: the verdict that counts, a person''s before the rule''s. Key: call_id, rule_id.';

-- one row per rulebook version
create view core.rulebook_in_force as
select arg_max(rulebook_version, load_number) as rulebook_version
from core.rulebooks
having count(*) > 0;
comment on view core.rulebook_in_force is 'One row: the newest loaded rulebook. Key: rulebook_version.';
