'use strict';
// What was done can be undone. A change that is still going on, such as a stroke of the pen, is
// shown at once and counts as one when it is over.

function newHistory(first) {
  return {past: [], now: first, shown: first, future: []};
}

/** Shows a picture that may still change. */
function preview(history, picture) {
  history.shown = picture;
}

/** Whatever is shown is done. */
function settle(history) {
  if (history.shown === history.now) return;
  history.past.push(history.now);
  history.future = [];
  history.now = history.shown;
}

/** Back to before what is still going on. */
function abandon(history) {
  history.shown = history.now;
}

function undo(history) {
  if (!history.past.length) return;
  history.future.push(history.now);
  history.now = history.shown = history.past.pop();
}

function redo(history) {
  if (!history.future.length) return;
  history.past.push(history.now);
  history.now = history.shown = history.future.pop();
}
