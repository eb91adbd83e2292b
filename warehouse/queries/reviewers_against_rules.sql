-- Which rules do reviewers disagree with?
select rule_id, count(*) as reviews, count(*) filter (agrees) as agree,
    round(100 * count(*) filter (agrees) / count(*), 1) as percent
from reviews
group by rule_id
order by percent, rule_id;
