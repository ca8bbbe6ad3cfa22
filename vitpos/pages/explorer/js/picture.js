'use strict';
// One picture: a canvas with one pixel per value, a legend, the value under the cursor (of the mouse,
// or of the keyboard), marks upon it, and its numbers as a table.
//
// What is told of a picture:
//   caption, note            words above and below
//   width, height            in values
//   values + low, high, palette, unit; or pixels + channels
//   place(col, row)          where that is, in words, or null where there is nothing
//   number(col, row)         what is there, in words, if not simply the value
//   marks                    [{col, row, width, height, kind}]
//   pick(col, row)           what a click or Enter does; pickWords says it
//   cell                     [width, height] of a value on the screen, in CSS pixels
//   unknown(col, row)        the words for what is not a number
//   heads                    {cols: [...], rows: [...]} of the table

const pictures = new Map(); // by name: pictures stay, so that the focus does

/** The picture of this name as it is told now. */
function picture(name, told) {
  let figure = pictures.get(name);
  if (!figure) {
    figure = newPicture(name);
    pictures.set(name, figure);
  }
  showPicture(figure, told);
  return figure.node;
}

function newPicture(name) {
  const canvas = make('canvas', {'data-picture': name, 'aria-hidden': 'true'});
  const cursor = make('span', {class: 'cursor', hidden: true});
  const marks = make('span', {class: 'marks', 'aria-hidden': 'true'});
  const box = make('div', {class: 'canvas', tabindex: 0, role: 'application',
    'aria-roledescription': 'picture'}, canvas, marks, cursor);
  const parts = {
    caption: make('figcaption'),
    readout: make('output', {class: 'readout', 'aria-live': 'polite'}),
    legend: newLegend(),
    note: make('p', {class: 'note'}),
    numbers: newTableView(() => figure.told),
  };
  const node = make('figure', {class: 'picture', 'data-figure': name}, parts.caption,
    make('div', {class: 'scroll'}, box), parts.readout, parts.legend.node, parts.note,
    parts.numbers);
  const figure = {name, node, canvas, box, marks, cursor, at: null, told: null, ...parts};
  listenToPointer(figure);
  listenToKeys(figure);
  return figure;
}

function showPicture(figure, told) {
  figure.told = told;
  figure.caption.textContent = told.caption;
  figure.note.textContent = told.note ?? '';
  figure.note.hidden = !told.note;
  if (told.pixels) paintPixels(figure.canvas, told);
  else paintValues(figure.canvas, told);
  const [cellWidth, cellHeight] = told.cell;
  figure.box.style.width = `calc(var(--zoom) * ${told.width * cellWidth}px)`;
  figure.box.style.aspectRatio = `${told.width * cellWidth} / ${told.height * cellHeight}`;
  figure.box.classList.toggle('picks', Boolean(told.pick));
  figure.box.setAttribute('aria-label', labelOf(told));
  showMarks(figure);
  showLegend(figure.legend, told);
  moveCursor(figure, figure.at);
  refreshTableView(figure.numbers);
}

function labelOf(told) {
  const range = told.values ? ` Values from ${say(told.low)} to ${say(told.high)}.` : '';
  const picks = told.pick ? ` Enter ${told.pickWords}.` : '';
  return `${told.caption}.${range} Arrow keys read the values.${picks}`;
}

function showMarks({marks, told}) {
  const boxes = (told.marks ?? []).map(({col, row, width = 1, height = 1, kind = 'chosen'}) => {
    const mark = make('span', {class: `mark ${kind}`});
    layOver(mark, told, col, row, width, height);
    return mark;
  });
  marks.replaceChildren(...boxes);
}

function layOver(node, told, col, row, width, height) {
  node.style.left = `${(100 * col) / told.width}%`;
  node.style.top = `${(100 * row) / told.height}%`;
  node.style.width = `${(100 * width) / told.width}%`;
  node.style.height = `${(100 * height) / told.height}%`;
}

function listenToPointer(figure) {
  const cellAt = event => {
    const area = figure.canvas.getBoundingClientRect();
    const {width, height} = figure.told;
    return [
      clamp(Math.floor(((event.clientX - area.left) / area.width) * width), width),
      clamp(Math.floor(((event.clientY - area.top) / area.height) * height), height),
    ];
  };
  figure.box.addEventListener('pointermove', event => moveCursor(figure, cellAt(event)));
  figure.box.addEventListener('pointerleave', () => moveCursor(figure, null));
  figure.box.addEventListener('click', event => pickAt(figure, cellAt(event)));
}

function listenToKeys(figure) {
  figure.box.addEventListener('focus', () => {
    if (!figure.at && figure.box.matches(':focus-visible')) moveCursor(figure, startOf(figure));
  });
  figure.box.addEventListener('blur', () => moveCursor(figure, null));
  figure.box.addEventListener('keydown', event => {
    const {told} = figure;
    const at = figure.at ?? startOf(figure);
    if (event.key === 'Enter' || event.key === ' ') {
      event.preventDefault();
      pickAt(figure, at);
      return;
    }
    const to = stepOver(event.key, at, told);
    if (!to) return;
    event.preventDefault();
    moveCursor(figure, to);
  });
}

/** The next place where there is something: gaps between tiles are stepped over. */
function stepOver(key, [col, row], told) {
  let to = nextInGrid(key, row, col, told.height, told.width);
  while (to && told.place(to[1], to[0]) === null) {
    const further = nextInGrid(key, to[0], to[1], told.height, told.width);
    if (further[0] === to[0] && further[1] === to[1]) return null;
    to = further;
  }
  return to && [to[1], to[0]];
}

function startOf({told}) {
  const mark = (told.marks ?? [])[0];
  return mark ? [mark.col, mark.row] : [0, 0];
}

function pickAt(figure, [col, row]) {
  if (figure.told.pick && figure.told.place(col, row) !== null) figure.told.pick(col, row);
}

function moveCursor(figure, at) {
  const {told, cursor, readout} = figure;
  const inside = at && at[0] < told.width && at[1] < told.height && told.place(...at) !== null;
  figure.at = inside ? at : null;
  cursor.hidden = !inside;
  if (inside) layOver(cursor, told, at[0], at[1], 1, 1);
  readout.textContent = inside ? readingOf(told, ...at) : restingOf(told);
}

/** What is read when nobody points anywhere: the place that is chosen. */
function restingOf(told) {
  const mark = (told.marks ?? []).find(one => (one.kind ?? 'chosen') === 'chosen' && !one.width);
  return mark ? readingOf(told, mark.col, mark.row) : '\u00a0';
}

function readingOf(told, col, row) {
  return `${told.place(col, row)}: ${numberAt(told, col, row)}`;
}

function numberAt(told, col, row) {
  if (told.number) return told.number(col, row);
  if (told.pixels) return pixelWords(told, col, row);
  const value = told.values[row * told.width + col];
  if (Number.isNaN(value)) return told.unknown?.(col, row) ?? 'not a number';
  return say(value) + (told.unit ? ` (${told.unit})` : '');
}

function pixelWords({pixels, channels, width}, col, row) {
  const at = (row * width + col) * channels;
  return [...pixels.slice(at, at + channels)].join(', ');
}

function newLegend() {
  const canvas = make('canvas', {'aria-hidden': 'true'});
  const [low, middle, high] = ['low', 'middle', 'high'].map(kind => make('span', {class: kind}));
  const unit = make('span', {class: 'unit'});
  const bar = make('span', {class: 'bar'}, canvas, make('span', {class: 'ends'}, low, middle, high));
  return {node: make('div', {class: 'legend'}, bar, unit), canvas, low, middle, high, unit};
}

function showLegend(legend, told) {
  legend.node.hidden = !told.values;
  if (!told.values) return;
  const count = palettes[told.palette].length;
  const values = Float64Array.from({length: count}, (_, i) => i);
  paintValues(legend.canvas, {width: count, height: 1, values, low: 0, high: count - 1,
    palette: told.palette});
  legend.low.textContent = say(told.low);
  legend.middle.textContent = told.palette === 'PuOr' && told.high > 0 ? '0' : '';
  legend.high.textContent = say(told.high);
  legend.unit.textContent = told.unit ?? '';
}

/** How large a value may be on the screen, so that the longer side is about `goal` pixels. */
function cellFor(width, height, goal) {
  const side = Math.max(1, Math.floor(goal / Math.max(width, height)));
  return [side, side];
}
