-- Whether a call was judged as before is told without reading its findings, of which there are dozens to a call.

alter table core.call_measures add column verdicts_hash varchar;
