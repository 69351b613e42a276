// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

'use strict';

function quantile(values, q) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * q;
  const low = Math.floor(at);
  const high = Math.ceil(at);
  return sorted[low] + (sorted[high] - sorted[low]) * (at - low);
}

const median = (values) => quantile(values, 0.5);

// Median with lowest and highest: what the rounds of one run spread over.
function summary(values) {
  return { median: median(values), low: Math.min(...values), high: Math.max(...values) };
}

module.exports = { median, quantile, summary };
