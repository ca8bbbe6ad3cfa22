'use strict';
// The numbers of a picture as a table, made when somebody opens it; long ones come in pages.

const MOST_COLUMNS = 32;
const MOST_ROWS = 64;
const views = new WeakMap(); // which part of a table is shown

/** A closed view; `ask` tells what the picture shows at the time. */
function newTableView(ask) {
  const body = make('div', {class: 'scroll', tabindex: 0, role: 'region',
    'aria-label': 'The numbers of this picture'});
  const view = make('details', {class: 'numbers noprint'},
    make('summary', {}, 'The numbers as a table'), body);
  views.set(view, {ask, body, row: 0, col: 0});
  view.addEventListener('toggle', () => refreshTableView(view));
  return view;
}

function refreshTableView(view) {
  const {ask, body} = views.get(view);
  if (!view.open) {
    body.replaceChildren();
    return;
  }
  const told = ask();
  rebuild(body, turnPages(view, told), tableOf(view, told));
}

/** Buttons for the parts of a table that is too large for one. */
function turnPages(view, told) {
  const place = views.get(view);
  place.row = place.row < told.height ? place.row : 0;
  place.col = place.col < told.width ? place.col : 0;
  const turn = (key, by, text, count) => make('button', {
    type: 'button', 'data-key': text, disabled: place[key] + by < 0 || place[key] + by >= count,
    onclick: () => { place[key] += by; refreshTableView(view); },
  }, text);
  const buttons = [];
  if (told.width > MOST_COLUMNS) {
    buttons.push(turn('col', -MOST_COLUMNS, 'columns before', told.width),
      turn('col', MOST_COLUMNS, 'columns after', told.width));
  }
  if (told.height > MOST_ROWS) {
    buttons.push(turn('row', -MOST_ROWS, 'rows before', told.height),
      turn('row', MOST_ROWS, 'rows after', told.height));
  }
  return buttons.length ? make('div', {class: 'buttons'}, buttons) : null;
}

function tableOf(view, told) {
  const {row: top, col: left} = views.get(view);
  const cols = rangeOf(left, Math.min(told.width, left + MOST_COLUMNS))
    .filter(col => columnHasAny(told, col));
  const rows = rangeOf(top, Math.min(told.height, top + MOST_ROWS))
    .filter(row => rowHasAny(told, row));
  const head = make('tr', {}, make('td'),
    cols.map(col => make('th', {scope: 'col'}, headingOf(told, 'cols', col))));
  const body = rows.map(row => make('tr', {},
    make('th', {scope: 'row'}, headingOf(told, 'rows', row)),
    cols.map(col => make('td', {}, told.place(col, row) === null ? '' : numberAt(told, col, row)))));
  return make('table', {}, make('caption', {class: 'unseen'}, told.caption),
    make('thead', {}, head), make('tbody', {}, body));
}

function headingOf(told, axis, index) {
  return String(told.heads?.[axis]?.[index] ?? index);
}

function columnHasAny(told, col) {
  return rangeOf(0, told.height).some(row => told.place(col, row) !== null);
}

function rowHasAny(told, row) {
  return rangeOf(0, told.width).some(col => told.place(col, row) !== null);
}

function rangeOf(start, end) {
  return Array.from({length: Math.max(0, end - start)}, (_, i) => start + i);
}
