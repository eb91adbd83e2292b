-- Which rules do reviewers disagree with? Shares are of random samples alone; what was picked out is only counted.
with random as (
    select rule_id, count(*) as judged, count(*) filter (verdict = rule_verdict) as agree
    from random_reviews
    where is_newest and verdict not in ('not_assessable', 'unsure') and rule_verdict <> 'unsure'
    group by rule_id
),
picked as (
    select rule_id, count(*) as picked_out, count(*) filter (not agrees) as picked_out_wrong
    from reviews
    where sample_kind is distinct from 'random'
    group by rule_id
)
select rule_id, coalesce(judged, 0) as judged_at_random, coalesce(agree, 0) as agree,
    round(100 * agree / judged, 1) as percent, round(100 * wilson_low(agree, judged), 1) as low,
    round(100 * wilson_high(agree, judged), 1) as high,
    coalesce(picked_out, 0) as picked_out, coalesce(picked_out_wrong, 0) as picked_out_wrong
from random
full join picked using (rule_id)
order by percent nulls last, rule_id;
