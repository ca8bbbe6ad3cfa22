'use strict';
// Keys. A group is one stop of the Tab key; arrows move inside it.

const STEPS_OF_KEYS = {ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1};

/** Arrows, Home and End choose among the buttons of a group, in the order they stand. */
function roving(group, selector) {
  group.addEventListener('keydown', event => {
    const buttons = [...group.querySelectorAll(selector)];
    const at = buttons.indexOf(event.target.closest(selector));
    const to = nextInRow(event.key, at, buttons.length);
    if (at < 0 || to === null) return;
    event.preventDefault();
    buttons[to].focus();
    buttons[to].click();
  });
}

function nextInRow(key, at, count) {
  if (key === 'Home') return 0;
  if (key === 'End') return count - 1;
  if (!(key in STEPS_OF_KEYS)) return null;
  return (at + STEPS_OF_KEYS[key] + count) % count;
}

/** Marks the chosen button of a group, which is then its one stop of the Tab key. */
function markChosen(group, selector, attribute, isChosen) {
  for (const button of group.querySelectorAll(selector)) {
    const chosen = isChosen(button);
    button.setAttribute(attribute, String(chosen));
    button.tabIndex = chosen ? 0 : -1;
  }
}

/** Where a key leads in a grid, null for other keys; at the border it stays. */
function nextInGrid(key, row, col, rows, cols) {
  const to = {
    ArrowLeft: [row, col - 1],
    ArrowRight: [row, col + 1],
    ArrowUp: [row - 1, col],
    ArrowDown: [row + 1, col],
    Home: [row, 0],
    End: [row, cols - 1],
    PageUp: [0, col],
    PageDown: [rows - 1, col],
  }[key];
  if (!to) return null;
  return [clamp(to[0], rows), clamp(to[1], cols)];
}

function clamp(index, count) {
  return Math.max(0, Math.min(count - 1, index));
}
