// Tables marked with data-tools can be searched, filtered and sorted. The page reads the same without it.
(function () {
  const all = (s, of) => [...of.querySelectorAll(s)];
  const make = (kind, fields) => Object.assign(document.createElement(kind), fields);
  const worth = (cell) => {
    const text = cell.dataset.v !== undefined ? cell.dataset.v : cell.textContent.trim();
    return text === '' || isNaN(text) ? text.toLowerCase() : +text;
  };
  function compare(a, b) {
    // What has no value stands last, whichever way the others run.
    if (a === '' || b === '') return (a === '') - (b === '');
    return typeof a === 'number' && typeof b === 'number' ? a - b : String(a).localeCompare(String(b), 'en', { numeric: true });
  }

  document.querySelectorAll('table[data-tools]').forEach((table) => {
    const heads = all('thead th', table), noun = table.dataset.tools;
    const bodies = [...table.tBodies].map((body) => ({ body: body, rows: [...body.rows].filter((r) => !r.matches('.team')) }));
    const rows = bodies.flatMap((b) => b.rows);
    if (rows.length < 2) return;
    const bar = make('div', { className: 'tools' });
    const search = make('input', { type: 'search', placeholder: 'Search ' + noun });
    const told = make('output', {});
    search.setAttribute('aria-label', 'Search ' + noun);
    bar.append(search);
    const filters = heads.flatMap((head, column) => {
      if (head.dataset.filter === undefined) return [];
      const values = [...new Set(rows.map((r) => r.cells[column].textContent.trim()))].filter(Boolean);
      if (values.length < 2) return [];
      const choice = make('select', {});
      choice.setAttribute('aria-label', head.textContent.trim());
      choice.append(new Option(head.dataset.filter, ''), ...values.sort((a, b) => compare(a, b)).map((v) => new Option(v, v)));
      bar.append(choice);
      return [{ column: column, choice: choice }];
    });
    bar.append(told);
    (table.closest('.scroll') || table).before(bar);

    function show() {
      const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      bodies.forEach((b) => {
        // The name of a group is found too: all its rows belong to it.
        const group = b.body.querySelector('.team th');
        b.rows.forEach((r) => {
          const text = (r.textContent + ' ' + (group ? group.textContent : '')).toLowerCase();
          r.hidden = !words.every((w) => text.includes(w)) ||
            filters.some((f) => f.choice.value && r.cells[f.column].textContent.trim() !== f.choice.value);
        });
        all('.team', b.body).forEach((r) => { r.hidden = b.rows.every((x) => x.hidden); });
      });
      const seen = rows.filter((r) => !r.hidden).length;
      told.textContent = seen === rows.length ? '' : seen.toLocaleString('en') + ' of ' + rows.length.toLocaleString('en');
    }
    search.oninput = show;
    filters.forEach((f) => { f.choice.onchange = show; });

    heads.forEach((head, column) => {
      if (head.dataset.plain !== undefined || !head.textContent.trim()) return;
      const button = make('button', { type: 'button', className: 'sort' });
      button.append(...head.childNodes);
      head.append(button);
      button.onclick = () => {
        const before = head.getAttribute('aria-sort');
        // Numbers begin with the largest, words with A; a third time gives the first order back.
        const first = rows.some((r) => typeof worth(r.cells[column]) === 'number') ? 'descending' : 'ascending';
        const next = before === null ? first : before === first ? (first === 'ascending' ? 'descending' : 'ascending') : null;
        heads.forEach((h) => h.removeAttribute('aria-sort'));
        if (next) head.setAttribute('aria-sort', next);
        const turn = next === 'descending' ? -1 : 1;
        bodies.forEach((b) => {
          const order = b.rows.map((r, i) => ({ r: r, i: i, v: worth(r.cells[column]) }));
          if (next) order.sort((x, y) => (x.v === '' || y.v === '' ? compare(x.v, y.v) : turn * compare(x.v, y.v)) || x.i - y.i);
          b.body.append(...order.map((o) => o.r));
        });
      };
    });
  });
})();
