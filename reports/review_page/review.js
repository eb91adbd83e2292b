// What is judged stays in this browser until it is saved as the file that `callaudit review import` takes.
(function () {
  const one = (s, of) => (of || document).querySelector(s), all = (s, of) => [...(of || document).querySelectorAll(s)];
  const form = JSON.parse(one('#form').textContent), articles = all('article');
  const KEY = 'callaudit-form:' + form.rows.map((r) => r.check).join('');
  const FIELDS = ['you_say', 'judgement', 'should_be', 'note'];
  let at = 0;
  one('#unusable').hidden = true;
  one('#bar').hidden = false;

  function store() {
    const said = { reviewer: form.reviewer, rows: form.rows.map((r) => FIELDS.map((f) => r[f])) };
    try { localStorage.setItem(KEY, JSON.stringify(said)); } catch (e) { /* A page from disk may have no storage. */ }
  }
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) || 'null');
    if (kept) {
      form.reviewer = kept.reviewer;
      kept.rows.forEach((values, i) => FIELDS.forEach((f, j) => { form.rows[i][f] = values[j]; }));
    }
  } catch (e) { /* Nothing that can be read was kept. */ }

  const answered = (r) => Boolean(r.you_say || (r.judgement && (r.judgement !== 'wrong' || r.should_be)));
  // What the import would refuse is said at once.
  function fault(r) {
    if (r.judgement === 'wrong' && !r.should_be) return 'Wrong: then what should it be?';
    if (r.judgement === 'wrong' && r.should_be === r.rule_says) return 'It is wrong, yet it should be what the rule says.';
    return '';
  }
  function draw() {
    articles.forEach((a, i) => {
      const row = form.rows[i];
      all('fieldset', a).forEach((f) => {
        all('input', f).forEach((input) => { input.checked = row[f.dataset.field] === input.value; });
        if (f.dataset.field === 'should_be') f.hidden = row.judgement !== 'wrong';
      });
      one('[data-field=note]', a).value = row.note;
      one('.fault', a).textContent = fault(row);
      a.classList.toggle('said', answered(row));
      a.classList.toggle('now', i === at);
    });
    one('#reviewer').value = form.reviewer;
    one('#progress').textContent = form.rows.filter(answered).length + ' of ' + form.rows.length + ' judged';
  }
  function set(i, field, value) {
    const row = form.rows[i];
    row[field] = value;
    if (field === 'judgement' && value !== 'wrong') row.should_be = '';
    at = i;
    store();
    draw();
  }
  function go(i) {
    if (i < 0 || i >= articles.length) return;
    all('audio').forEach((sound) => sound.pause());
    at = i;
    draw();
    articles[i].focus({ preventScroll: true });
    articles[i].scrollIntoView({ block: 'start' });
  }
  articles.forEach((a, i) => {
    all('fieldset', a).forEach((f) => f.addEventListener('change', (e) => set(i, f.dataset.field, e.target.value)));
    one('[data-field=note]', a).oninput = (e) => { form.rows[i].note = e.target.value; store(); };
    a.addEventListener('focusin', () => { if (at !== i) { at = i; draw(); } });
  });
  one('#reviewer').oninput = (e) => { form.reviewer = e.target.value; store(); };

  function save() {
    if (!form.reviewer.trim()) { one('#reviewer').focus(); one('#progress').textContent = 'Say who you are, then save.'; return; }
    const wrong = form.rows.findIndex(fault);
    if (wrong >= 0) { go(wrong); return; }
    const a = document.createElement('a');
    a.href = URL.createObjectURL(new Blob([JSON.stringify(form, null, 2)], { type: 'application/json' }));
    a.download = decodeURIComponent(location.pathname.split('/').pop()).replace(/\.html$/, '') + '.json';
    a.click();
    URL.revokeObjectURL(a.href);
  }
  function help() {
    const list = one('#keys');
    list.hidden = !list.hidden;
    one('#help').setAttribute('aria-expanded', String(!list.hidden));
  }
  one('#save').onclick = save;
  one('#help').onclick = help;
  addEventListener('keydown', (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || e.target.matches('input:not([type=radio]), audio, summary')) return;
    const key = e.key.toLowerCase(), unsaid = form.rows.findIndex((r, i) => i > at && !answered(r));
    const open = all('fieldset', articles[at]).filter((f) => !f.hidden);
    const digit = '12345'.indexOf(key), sound = one('audio', articles[at]);
    if (key === 'n') go(at + 1);
    else if (key === 'p') go(at - 1);
    else if (key === 'u') go(unsaid >= 0 ? unsaid : form.rows.findIndex((r) => !answered(r)));
    else if (key === 's') { e.preventDefault(); save(); }
    else if (key === '?') help();
    else if (digit >= 0 && key !== '') {
      // After “wrong” the next digit says what it should be.
      const asked = open[form.rows[at].judgement === 'wrong' && open.length > 1 ? 1 : 0], chosen = all('input', asked)[digit];
      if (chosen) set(at, asked.dataset.field, chosen.value);
    } else if (key === ' ' && sound && !e.target.matches('button, input')) {
      e.preventDefault();
      if (sound.paused) sound.play().catch(() => {}); else sound.pause();
    }
  });
  draw();
})();
