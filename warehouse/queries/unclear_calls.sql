-- Do unclear recordings leave more open? (a call by the confidence of its words)
-- $scorecard  The scorecard to judge by. Without it: select 'house'
select floor(10 * c.confidence) / 10 as confidence_from, count(*) as calls, sum(s.rules_applicable) as applicable,
    round(100 * sum(s.rules_not_assessable) / nullif(sum(s.rules_applicable), 0), 1) as percent_cannot_tell,
    round(100 * sum(s.rules_unsure) / nullif(sum(s.rules_applicable), 0), 1) as percent_unsure,
    round(100 * sum(s.rules_met) / nullif(sum(s.rules_judged), 0), 1) as percent_met
from calls c
join call_scorecards s on s.call_id = c.call_id and s.scorecard = $scorecard
group by confidence_from
order by confidence_from nulls last;
