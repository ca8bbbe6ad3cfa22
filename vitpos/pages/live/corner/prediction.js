'use strict';
// What the network says, beside what it said of the untouched picture.

const MOST_CLASSES = 12; // that are all shown, in their own order

function newPrediction() {
  const said = make('p', {class: 'live-said', role: 'status'});
  const body = make('tbody');
  const head = [make('th', {scope: 'col'}, 'class'), make('td'), make('th', {scope: 'col'}, 'now'),
    make('th', {scope: 'col'}, 'untouched')];
  const table = make('table', {class: 'live-classes'},
    make('caption', {class: 'unseen'}, 'Probability of each class, in percent'),
    make('thead', {}, make('tr', {}, head)), body);
  const note = paragraph('\u2713 is the label; the line in a bar is the untouched picture.', 'note');
  return {node: make('div', {class: 'live-prediction'}, said, table, note), said, body};
}

function showPrediction({said, body}, {live, now, before, label}) {
  const text = sentenceOf(live, now, before, label);
  if (said.textContent !== text) said.textContent = text;
  const rows = shownClasses(live, now, before).map(index => rowOf(live, index, now, before, label));
  body.replaceChildren(...rows);
}

function sentenceOf({classes}, now, before, label) {
  const answer = best(now.probabilities);
  const was = best(before.probabilities);
  const right = label === null ? '' : ` The label is ${classes[label]}.`;
  const changed = answer === was ? '' : ` Before: ${classes[was]}.`;
  return `It says ${classes[answer]}, ${sayPercent(now.probabilities[answer])}.${changed}${right}`;
}

/** All of them, or the likeliest where there are many. */
function shownClasses({classes}, now, before) {
  const all = classes.map((_, i) => i);
  if (all.length <= MOST_CLASSES) return all;
  const likely = i => Math.max(now.probabilities[i], before.probabilities[i]);
  return all.sort((a, b) => likely(b) - likely(a) || a - b).slice(0, MOST_CLASSES);
}

function rowOf({classes}, index, now, before, label) {
  const share = now.probabilities[index];
  const bar = make('span', {class: 'live-bar', 'aria-hidden': 'true'});
  bar.style.width = `${100 * share}%`;
  const was = make('span', {class: 'live-was', 'aria-hidden': 'true'});
  was.style.left = `${100 * before.probabilities[index]}%`;
  const top = index === best(now.probabilities);
  return make('tr', {class: top ? 'top' : null},
    make('th', {scope: 'row'}, classes[index] + (index === label ? ' \u2713' : '')),
    make('td', {class: 'live-share'}, make('div', {class: 'live-track'}, bar, was)),
    make('td', {}, sayPercent(share)),
    make('td', {}, sayPercent(before.probabilities[index])));
}
