-- What does the scorecard of one call say?
-- $call  The call's id. Without it: select call_id from call_scorecards where scorecard = 'house' order by rules_missed desc, call_id limit 1
-- $scorecard  The scorecard to judge by. Without it: select 'house'
select step_number as no, step_title, rule_id, verdict, reason, at_s, quote
from scorecard($call)
where scorecard = $scorecard and verdict <> 'not_applicable'
order by step_number, rule_id;
