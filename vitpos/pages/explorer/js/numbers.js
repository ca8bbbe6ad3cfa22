'use strict';
// Numbers and small grammar, as the page says them.

const MINUS = '\u2212';
const PERCENT = '\u00a0%'; // which must not begin a line
const NOT_KNOWN = 'not measured';

function isNumber(value) {
  return typeof value === 'number' && Number.isFinite(value);
}

/** A measured number to so many digits, with a true minus sign. */
function say(value, digits = 3) {
  if (value === null || value === undefined) return NOT_KNOWN;
  if (!isNumber(value)) return 'not a number';
  if (value === 0) return '0';
  const size = Math.abs(value);
  const text = size >= 1e5 || size < 1e-4
    ? value.toExponential(digits - 1)
    : String(Number(value.toPrecision(digits)));
  return text.replace(/-/g, MINUS);
}

/** A count, with a thin space between thousands. */
function sayCount(value) {
  if (!isNumber(value)) return NOT_KNOWN;
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, '\u202f');
}

/** Millions and thousands in short. */
function saySize(value) {
  if (!isNumber(value)) return NOT_KNOWN;
  for (const [size, word] of [[1e12, 'T'], [1e9, 'G'], [1e6, 'M'], [1e3, 'k']]) {
    if (value >= size) return `${say(value / size)} ${word}`;
  }
  return say(value);
}

function sayPercent(value, digits = 1) {
  return isNumber(value) ? `${(100 * value).toFixed(digits)}${PERCENT}`.replace('-', MINUS) : NOT_KNOWN;
}

function sayTime(seconds) {
  if (!isNumber(seconds)) return NOT_KNOWN;
  return seconds < 120 ? `${say(seconds)} s` : `${say(seconds / 60)} min`;
}

/** `1 head`, `4 heads`. */
function counted(count, word) {
  return `${sayCount(count)} ${word}${count === 1 ? '' : 's'}`;
}

/** `test accuracy` */
function metricWords(name) {
  return String(name ?? 'result').replace(/\//g, ' ');
}

/** Metrics between 0 and 1 are shares. */
function sayMetric(name, value) {
  return /accuracy|share|rate/.test(name) ? sayPercent(value, 2) : say(value, 4);
}

function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The smallest and the largest number, [0, 0] where there is none. */
function extent(values) {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low > high ? [0, 0] : [low, high];
}

/** Round numbers between two ends, about so many. */
function ticks(low, high, about = 5) {
  const span = high - low;
  if (!(span > 0)) return [low];
  const rough = span / about;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find(factor => factor * power >= rough * 0.999);
  const found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) {
    found.push(Number((i * step).toPrecision(12)));
  }
  return found;
}
