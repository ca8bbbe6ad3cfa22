'use strict';
// What the reader has chosen. It lives in the address behind the #, so that a link shows the same,
// and nowhere else: files on one disk would share any other store.

const DEFAULTS = {
  strategy: '', // by name
  versus: '', // the strategy beside it
  image: 0,
  patch: -1, // the one in the middle
  step: 0,
  layer: 0,
  head: -1, // the mean of all
  query: 'patch', // or the name of a prefix token
  object: 0, // which of the strategy's own
  time: 'now', // or start, change, or h0, h1 ... of its history
  channel: 0,
  range: 'shared', // or own: what the colours of a picture span
  cut: 0, // another patch size to try on the image; 0 is the size of the run
  theme: 'auto',
  part: '', // the section that a link goes to
};
const NUMBERS = ['image', 'patch', 'step', 'layer', 'head', 'object', 'channel', 'cut'];
const STEPS = 5;
const state = {...DEFAULTS};
const panels = []; // what is drawn, and the names of the choices that it depends on

/** Has a part of the page drawn now and whenever one of these choices changes. */
function panel(needs, draw) {
  panels.push({needs: new Set(needs.split(' ')), draw});
}

function arms() {
  return payload.meta.arms;
}

function armNamed(name) {
  return arms().find(arm => arm.name === name) ?? null;
}

function arm() {
  return armNamed(state.strategy);
}

function frameOf(someArm) {
  return payload.meta.frames[someArm.frame];
}

function frame() {
  return frameOf(arm());
}

/** The strategy that is shown beside the other, null if there is only one. */
function other() {
  return armNamed(state.versus);
}

function object() {
  return arm().objects[state.object];
}

function cellsOf(someFrame) {
  return someFrame.grid[0] * someFrame.grid[1];
}

/** Changes choices, and draws again what depends on them. */
function choose(changes) {
  const before = {...state};
  if (changes.strategy && changes.strategy !== state.strategy) keepPlace(changes);
  Object.assign(state, changes);
  settle();
  saveLink();
  const changed = Object.keys(state).filter(key => state[key] !== before[key]);
  drawPanels(key => changed.includes(key));
}

function drawPanels(wanted) {
  for (const {needs, draw} of panels) {
    if ([...needs].some(wanted)) draw();
  }
}

/** On another grid the patch at the same place of the image is chosen. */
function keepPlace(changes) {
  const next = armNamed(changes.strategy);
  if (!next || changes.patch !== undefined || next.frame === arm().frame) return;
  const [rows, cols] = frame().grid;
  const [nextRows, nextCols] = frameOf(next).grid;
  const row = Math.floor(((Math.floor(state.patch / cols) + 0.5) / rows) * nextRows);
  const col = Math.floor((((state.patch % cols) + 0.5) / cols) * nextCols);
  changes.patch = row * nextCols + col;
}

/** Whatever does not exist becomes what does. */
function settle() {
  if (!arm()) state.strategy = firstShown().name;
  const here = frame();
  const others = arms().filter(one => one !== arm());
  if (!others.includes(other())) state.versus = others.length ? nearest(others).name : '';
  within('image', here.images.length);
  if (!(state.patch >= 0 && state.patch < cellsOf(here))) state.patch = middleOf(here);
  within('step', STEPS);
  within('layer', layersOf(arm()).length);
  within('object', arm().objects.length);
  within('channel', here.dim);
  if (!(state.head >= -1 && state.head < here.heads)) state.head = DEFAULTS.head;
  if (state.query !== 'patch' && !here.prefix.includes(state.query)) state.query = 'patch';
  if (!timesOf(object()).some(time => time.key === state.time)) state.time = 'now';
  if (!['auto', 'light', 'dark'].includes(state.theme)) state.theme = 'auto';
  if (!['shared', 'own'].includes(state.range)) state.range = 'shared';
  if (!cutsOf(here).includes(state.cut)) state.cut = 0;
}

/** The first strategy that has something of its own to show. */
function firstShown() {
  return arms().find(({objects}) => objects[0].kind !== 'nothing') ?? arms()[0];
}

function middleOf({grid: [rows, cols]}) {
  return Math.floor(rows / 2) * cols + Math.floor(cols / 2);
}

/** A strategy on the same grid can be subtracted. */
function nearest(others) {
  return others.find(one => one.frame === arm().frame) ?? others[0];
}

function within(key, count) {
  if (!(state[key] >= 0 && state[key] < count)) state[key] = DEFAULTS[key];
}

/** Patch sizes in pixels that divide both sides of the image. */
function cutsOf({size: [height, width]}) {
  const found = [];
  for (let side = 1; side <= Math.min(height, width); side++) {
    if (height % side === 0 && width % side === 0) found.push(side);
  }
  return found;
}

/** The choices as they stand behind the #, without those that nobody made. */
function linkOfState() {
  const made = Object.entries(state).filter(([key, value]) => value !== DEFAULTS[key]);
  return new URLSearchParams(made).toString();
}

function saveLink() {
  history.replaceState(null, '', `#${linkOfState()}`);
}

/** Reads the choices from the address; what is odd there is as if it were not. */
function readLink() {
  const told = new URLSearchParams(location.hash.slice(1));
  for (const [key, value] of Object.entries(DEFAULTS)) {
    if (!told.has(key)) state[key] = value;
    else state[key] = NUMBERS.includes(key) ? wholeNumber(told.get(key), value) : told.get(key);
  }
  settle();
}

function wholeNumber(text, otherwise) {
  return /^-?\d{1,9}$/.test(text) ? Number(text) : otherwise;
}
