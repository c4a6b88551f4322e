import { expect, test } from 'vitest';
import { scrapeIntervalOf } from './scrape-interval';

test.each([
  ['global:\n  scrape_interval: 15s\n  scrape_timeout: 10s\nscrape_configs:\n- job_name: a\n', 15],
  ['global:\n  evaluation_interval: 30s\n  scrape_interval: 1m30s\n', 90],
  ['global:\r\n  scrape_interval: "5s"\r\n', 5],
  // The interval of a pool is not the global one.
  ['global:\n  evaluation_interval: 30s\nscrape_configs:\n- job_name: a\n  scrape_interval: 2s\n', 60],
  ['scrape_configs:\n- job_name: a\n  scrape_interval: 2s\n', 60],
  ['', 60],
])('the scrape interval of %j', (yaml, seconds) => expect(scrapeIntervalOf(yaml)).toBe(seconds));
