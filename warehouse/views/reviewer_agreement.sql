-- one row per calendar month and two reviewers who judged the same findings
-- kappa and its range are those of `cohens_kappa` (audit_rules/evaluation/estimates.py); a test holds them together
create view reviewer_agreement as
with pairs as (
    select
        greatest(a.reviewed_month, b.reviewed_month) as reviewed_month, a.reviewer, b.reviewer as other_reviewer,
        a.call_id, a.verdict, b.verdict as other_verdict
    from reviewer_verdicts a
    join reviewer_verdicts b on b.call_id = a.call_id and b.rule_id = a.rule_id and b.sample_id = a.sample_id
        and b.reviewer > a.reviewer
),
of_calls as (
    select reviewed_month, reviewer, other_reviewer, call_id, count(*)::double as judged,
        count(*) filter (verdict = other_verdict)::double as agreed
    from pairs
    group by all
),
shares as (
    select reviewed_month, reviewer, other_reviewer, count(*) as calls, sum(judged) as n, sum(agreed) / n as share,
        sum(agreed * agreed) - 2 * share * sum(agreed * judged) + share * share * sum(judged * judged) as spread
    from of_calls
    group by reviewed_month, reviewer, other_reviewer
),
chances as (
    select reviewed_month, reviewer, other_reviewer, histogram(verdict) as says, histogram(other_verdict) as other_says,
        list_sum(list_transform(map_keys(says), lambda v: says[v]::double * coalesce(other_says[v], 0)))
            / count(*) / count(*) as chance
    from pairs
    group by reviewed_month, reviewer, other_reviewer
),
known as (
    select *,
        -- Judgements of one call are alike: so many independent ones they are worth.
        n / if(
            share in (0, 1) or calls < 2, 1,
            greatest(1, spread / n / n * calls / (calls - 1) / (share * (1 - share) / (n - 1)))
        ) as worth
    from shares
    join chances using (reviewed_month, reviewer, other_reviewer)
)
select
    reviewed_month, reviewer, other_reviewer, calls, n::bigint as both_judged, round(share * n)::bigint as both_agreed,
    share as agreement, wilson_low(share * n, n) as wilson_low, wilson_high(share * n, n) as wilson_high,
    case when chance <= 1 - 1e-12 then (share - chance) / (1 - chance) end as kappa,
    case when chance <= 1 - 1e-12 and calls > 1
        then greatest(-1.0, (wilson_low(share * worth, worth) - chance) / (1 - chance)) end as kappa_low,
    case when chance <= 1 - 1e-12 and calls > 1
        then (wilson_high(share * worth, worth) - chance) / (1 - chance) end as kappa_high
from known;
comment on view reviewer_agreement is 'One row per calendar month and two reviewers who judged the same findings of the random samples; the month is that in which the later of them judged. Key: reviewed_month, reviewer, other_reviewer.';
