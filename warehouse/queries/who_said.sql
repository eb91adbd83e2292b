-- Which verdicts rest on these words, and where can they be heard?
-- $words  The words to look for. Without it: select 'sorry'
select call_id, agent_name, rule_id, verdict, kind, speaker, at_s, quote
from quotes($words);
