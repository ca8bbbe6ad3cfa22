'use strict';
// A strategy's own numbers at initialisation, on the way, and now.

/** All times of an object, in order, and the change between the first and the last. */
function timesOf(thing) {
  const {start, history = []} = thing;
  const past = history.map(({step, epoch}, i) => ({key: `h${i}`, words: stepWords(step, epoch)}));
  const first = start ? [{key: 'start', words: 'at initialisation'}] : [];
  const change = start ? [{key: 'change', words: 'the change since initialisation'}] : [];
  return [...first, ...past, {key: 'now', words: 'now'}, ...change];
}

function stepWords(step, epoch) {
  return isNumber(epoch) ? `after epoch ${epoch} (step ${sayCount(step)})` : `at step ${sayCount(step)}`;
}

function timeWords(thing) {
  return timesOf(thing).find(({key}) => key === state.time)?.words ?? 'now';
}

/** The values at the chosen time; `key` names what is now. */
function valuesAt(thing, key, ...index) {
  const {time} = state;
  if (time === 'start') return valuesOf(thing.start, ...index);
  if (time === 'change') return minus(valuesOf(thing[key], ...index), valuesOf(thing.start, ...index));
  if (time.startsWith('h')) return valuesOf(thing.history[Number(time.slice(1))].values, ...index);
  return valuesOf(thing[key], ...index);
}

/** The widest range of all times, so that equal colours are equal numbers from first to last. */
function scaleOfTimes(thing, key) {
  const every = [thing[key], thing.start, ...(thing.history ?? []).map(({values}) => values)]
    .filter(Boolean);
  const low = Math.min(...every.map(array => array.low));
  const high = Math.max(...every.map(array => array.high));
  return scaleOfArray({low, high});
}

/** Shared colours span all times; their own span what is shown. */
function scaleAt(thing, key, values) {
  const shared = scaleOfTimes(thing, key);
  const signed = shared.palette === 'PuOr' || state.time === 'change';
  return state.range === 'own' || state.time === 'change' ? scaleOf(values, signed) : shared;
}

function buildTimes() {
  const slider = byId('choose-time');
  slider.addEventListener('input', () => {
    choose({time: orderedTimes()[Number(slider.value)].key});
  });
  byId('choose-change').addEventListener('click', () => {
    choose({time: state.time === 'change' ? 'now' : 'change'});
  });
  byId('choose-play').addEventListener('click', playTimes);
  panel('strategy object time', drawTimes);
}

function orderedTimes() {
  return timesOf(object()).filter(({key}) => key !== 'change');
}

function drawTimes() {
  const thing = object();
  const times = orderedTimes();
  const slider = byId('choose-time');
  byId('times').hidden = times.length < 2;
  slider.max = String(times.length - 1);
  const at = times.findIndex(({key}) => key === state.time);
  slider.value = String(at < 0 ? times.length - 1 : at);
  slider.setAttribute('aria-valuetext', timeWords(thing));
  byId('time-words').textContent = timeWords(thing);
  byId('choose-change').hidden = !thing.start;
  byId('choose-change').setAttribute('aria-pressed', String(state.time === 'change'));
  byId('choose-play').hidden = times.length < 3 || prefersStill();
  byId('moved').textContent = movedWords(thing);
}

function movedWords({kind, moved, start}) {
  if (kind === 'nothing' || kind === 'planes') return '';
  if (isNumber(moved) && moved > 0) {
    return moved < 1 ? `Training moved it by ${sayPercent(moved)} of its length at initialisation.`
      : `Training moved it by ${say(moved)} times its length at initialisation.`;
  }
  if (moved === 0) return 'Nothing of it is learned: it is as it was at initialisation.';
  return start ? 'It was zero at initialisation.' : '';
}

function prefersStill() {
  return matchMedia('(prefers-reduced-motion: reduce)').matches;
}

/** From the first to the last, a few a second. */
function playTimes() {
  const times = orderedTimes();
  const show = i => {
    if (i >= times.length) return;
    choose({time: times[i].key});
    setTimeout(() => { if (state.time === times[i].key) show(i + 1); }, 350);
  };
  show(0);
}
