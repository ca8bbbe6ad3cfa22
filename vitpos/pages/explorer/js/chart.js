'use strict';
// Charts: dots and lines on two axes, the point under the cursor in words, and a table of all points.
//
// What is told of a chart:
//   caption, note
//   x, y                  {label, low, high, ticks: [numbers], words(number)}
//   series                [{name, points: [{x, y, words}], line, dots, colour, head}]
//   rules                 [{x} or {y}, and words] lines across
//   bars                  [{y, low, high}] intervals along x
//   square                as high as wide
//   height, left, widest  of the drawing and its left margin, in CSS pixels
//   pick(point)           what a click or Enter does; pickWords says it
//
// A chart is drawn in the next frame, when it is in its place and has a width: text is then as large
// as all other text, however wide the screen.

const MARKS = [
  'M-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0', 'M-3.6 -3.6h7.2v7.2h-7.2z', 'M0 -4.8L4.6 3.4H-4.6z',
  'M0 -5L5 0L0 5L-5 0z', 'M0 4.8L4.6 -3.4H-4.6z', 'M-5 -1.6h3.4v-3.4h3.2v3.4h3.4v3.2h-3.4v3.4h-3.2v-3.4h-3.4z',
];
const COLOURS = 8; // in the style sheet, by number
const [NARROWEST, WIDEST] = [250, 560]; // CSS pixels on a screen of usual size
const charts = new Map();
const waiting = new Set(); // charts to draw in the next frame

/** The chart of this name as it is told now. */
function chart(name, told) {
  let figure = charts.get(name);
  if (!figure) {
    figure = newChart(name);
    charts.set(name, figure);
  }
  showChart(figure, told);
  return figure.node;
}

function newChart(name) {
  const box = make('div', {class: 'chart', tabindex: 0, role: 'application',
    'aria-roledescription': 'chart', 'data-chart': name});
  const figure = {name, box, at: -1, told: null, points: [],
    caption: make('figcaption'),
    key: make('div', {class: 'key'}),
    readout: make('output', {class: 'readout', 'aria-live': 'polite'}),
    note: make('p', {class: 'note'}),
    numbers: newTableView(() => tableOfChart(figure.told))};
  figure.node = make('figure', {class: 'picture', 'data-figure': name}, figure.caption, figure.key,
    box, figure.readout, figure.note, figure.numbers);
  listenToChart(figure);
  return figure;
}

function showChart(figure, told) {
  figure.told = told;
  figure.points = told.series.flatMap((series, i) => series.points.map(point => (
    {...point, series, style: styleOf(series, i)}))).filter(({x, y}) => isNumber(x) && isNumber(y));
  figure.caption.textContent = told.caption;
  figure.note.textContent = told.note ?? '';
  figure.note.hidden = !told.note;
  figure.box.setAttribute('aria-label', `${told.caption}. ${told.y.label} by ${told.x.label}. `
    + `Arrow keys read the points.${told.pick ? ` Enter ${told.pickWords}.` : ''}`);
  showKey(figure);
  refreshTableView(figure.numbers);
  drawSoon(figure);
}

function drawSoon(figure) {
  if (!waiting.size) requestAnimationFrame(drawWaiting);
  waiting.add(figure);
}

/** First all widths, then all drawings: the page is laid out once. */
function drawWaiting() {
  const zoom = Number(getComputedStyle(document.documentElement).getPropertyValue('--zoom')) || 1;
  const all = [...waiting].map(figure => [figure, figure.box.clientWidth / zoom]);
  waiting.clear();
  for (const [figure, width] of all) {
    const widest = figure.told.widest ?? WIDEST;
    figure.area = areaOf(figure.told, Math.max(NARROWEST, Math.min(widest, width || widest)));
    figure.box.replaceChildren(svgOf(figure, zoom));
    pointAt(figure, figure.at < figure.points.length ? figure.at : -1);
  }
}

/** When the window has another width. */
function redrawCharts() {
  for (const figure of charts.values()) {
    if (figure.node.isConnected) drawSoon(figure);
  }
}

function styleOf(series, i) {
  const number = series.colour ?? series.head ?? i;
  return {colour: `series-${number % COLOURS}`, mark: MARKS[number % MARKS.length]};
}

/** The drawing in CSS pixels, and where numbers lie in it. */
function areaOf({x, y, square, height, left = 60}, width) {
  const high = height ?? (square ? Math.min(width, 380) : Math.min(300, Math.max(230, 0.6 * width)));
  const wide = square ? high + left - 40 : width;
  const area = {width: wide, height: high, left, right: wide - 14, top: 14, bottom: high - 46};
  area.x = value => area.left + ((value - x.low) / (x.high - x.low || 1)) * (area.right - area.left);
  area.y = value => area.bottom - ((value - y.low) / (y.high - y.low || 1)) * (area.bottom - area.top);
  return area;
}

function svgOf(figure, zoom) {
  const {told, area, points} = figure;
  figure.ring = shape('circle', {class: 'ring', r: 9, visibility: 'hidden'});
  return shape('svg', {viewBox: `0 0 ${area.width} ${area.height}`, width: zoom * area.width,
    height: zoom * area.height, 'aria-hidden': 'true'},
    axesOf(told, area), rulesOf(told, area), barsOf(told, area),
    told.series.map((series, i) => series.line && lineOf(series, styleOf(series, i), area)),
    points.map(point => point.series.dots !== false && shape('path', {
      class: `dot ${point.style.colour}${point.chosen ? ' chosen' : ''}`, d: point.style.mark,
      transform: `translate(${area.x(point.x).toFixed(1)} ${area.y(point.y).toFixed(1)})`})),
    figure.ring);
}

function axesOf({x, y}, area) {
  const {left, right, top, bottom} = area;
  const told = axis => axis.words ?? (value => say(value));
  return shape('g', {class: 'axes'},
    shape('path', {d: `M${left} ${top}V${bottom}H${right}`}),
    (x.ticks ?? ticks(x.low, x.high)).map(value => shape('g', {},
      shape('path', {d: `M${area.x(value)} ${bottom}v4`}),
      shape('text', {x: area.x(value), y: bottom + 17, 'text-anchor': 'middle'}, told(x)(value)))),
    (y.ticks ?? ticks(y.low, y.high)).map(value => shape('g', {},
      shape('path', {d: `M${left} ${area.y(value)}h-4`}),
      shape('text', {x: left - 7, y: area.y(value) + 4, 'text-anchor': 'end'}, told(y)(value)))),
    shape('text', {x: (left + right) / 2, y: area.height - 8, 'text-anchor': 'middle'}, x.label),
    shape('text', {class: 'upright', 'text-anchor': 'middle',
      transform: `translate(13 ${(top + bottom) / 2}) rotate(-90)`}, y.label));
}

function rulesOf({rules = []}, area) {
  return shape('g', {class: 'rules'}, rules.map(({x, y, words}) => {
    if (x !== undefined) return shape('path', {d: `M${area.x(x)} ${area.top}V${area.bottom}`});
    const at = area.y(y);
    return shape('g', {}, shape('path', {d: `M${area.left} ${at}H${area.right}`}),
      words && shape('text', {x: area.right, y: at - 5, 'text-anchor': 'end'}, words));
  }));
}

function barsOf({bars = []}, area) {
  return bars.map(({y, low, high}) => shape('path', {class: 'interval',
    d: `M${area.x(low)} ${area.y(y)}H${area.x(high)}`}));
}

function lineOf(series, {colour}, area) {
  const told = series.points.filter(({x, y}) => isNumber(x) && isNumber(y))
    .map(({x, y}) => `${area.x(x).toFixed(1)} ${area.y(y).toFixed(1)}`);
  return told.length ? shape('path', {class: `line ${colour}`, d: `M${told.join('L')}`}) : null;
}

function showKey({key, told}) {
  key.hidden = told.series.length < 2;
  key.replaceChildren(...told.series.map((series, i) => {
    const {colour, mark} = styleOf(series, i);
    const sign = series.dots === false ? shape('path', {class: `line ${colour}`, d: 'M-6 0H6'})
      : shape('path', {class: `dot ${colour}`, d: mark});
    return make('span', {}, shape('svg', {viewBox: '-7 -7 14 14', 'aria-hidden': 'true'}, sign),
      series.name);
  }));
}

function listenToChart(figure) {
  const {box} = figure;
  box.addEventListener('pointermove', event => pointAt(figure, nearestPoint(figure, event)));
  box.addEventListener('pointerleave', () => pointAt(figure, -1));
  box.addEventListener('blur', () => pointAt(figure, -1));
  box.addEventListener('click', event => pickPoint(figure, nearestPoint(figure, event)));
  box.addEventListener('keydown', event => {
    if (event.key === 'Enter' && figure.at >= 0) pickPoint(figure, figure.at);
    const to = nextInRow(event.key, figure.at, figure.points.length);
    if (to === null || !figure.points.length) return;
    event.preventDefault();
    pointAt(figure, figure.at < 0 ? 0 : to);
  });
}

function nearestPoint({box, area, points}, event) {
  if (!area) return -1;
  const frameOfSvg = box.firstChild.getBoundingClientRect();
  const scale = area.width / frameOfSvg.width;
  const x = (event.clientX - frameOfSvg.left) * scale;
  const y = (event.clientY - frameOfSvg.top) * scale;
  let best = -1;
  let least = 30 ** 2;
  points.forEach((point, i) => {
    const far = (area.x(point.x) - x) ** 2 + (area.y(point.y) - y) ** 2;
    if (far < least) [best, least] = [i, far];
  });
  return best;
}

function pickPoint({told, points}, at) {
  if (at >= 0 && told.pick) told.pick(points[at]);
}

function pointAt(figure, at) {
  const {points, ring, readout, area} = figure;
  figure.at = at;
  const point = points[at];
  ring.setAttribute('visibility', point ? 'visible' : 'hidden');
  if (point) {
    ring.setAttribute('cx', area.x(point.x));
    ring.setAttribute('cy', area.y(point.y));
  }
  readout.textContent = point ? point.words : '\u00a0';
}

/** All points as the table of a picture. */
function tableOfChart({caption, x, y, series}) {
  const rows = series.flatMap(({name, points}) => points.map(point => ({name, ...point})));
  const cells = rows.map(point => [say(point.x, 4), say(point.y, 4), point.words]);
  return {caption, width: 3, height: rows.length, place: () => '', number: (col, row) => cells[row][col],
    heads: {cols: [x.label, y.label, 'in words'], rows: rows.map(({name}) => name)}};
}
