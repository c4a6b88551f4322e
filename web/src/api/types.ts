// Shapes of the Prometheus HTTP API, as far as the UI reads them.

export type LabelSet = Record<string, string>;
export type SamplePair = [number, string];

export interface HistogramValue {
  count: string;
  sum: string;
  // [boundary rule, lower, upper, count]; rule 0 = (l,u], 1 = [l,u), 2 = (l,u), 3 = [l,u].
  buckets?: [number, string, string, string][];
}

export interface VectorSample {
  metric: LabelSet;
  value?: SamplePair;
  histogram?: [number, HistogramValue];
}

export interface MatrixSeries {
  metric: LabelSet;
  values?: SamplePair[];
  histograms?: [number, HistogramValue][];
}

export interface QueryStats {
  timings?: { execTotalTime?: number; evalTotalTime?: number };
  samples?: { totalQueryableSamples?: number; peakSamples?: number };
}

export interface ExemplarSeries {
  seriesLabels: LabelSet;
  // Times in seconds.
  exemplars: { labels: LabelSet; value: string; timestamp: number }[];
}

export type QueryData =
  | { resultType: 'vector'; result: VectorSample[]; stats?: QueryStats }
  | { resultType: 'matrix'; result: MatrixSeries[]; stats?: QueryStats }
  | { resultType: 'scalar' | 'string'; result: SamplePair; stats?: QueryStats };

export interface Envelope<T> {
  status: 'success' | 'error';
  data?: T;
  errorType?: string;
  error?: string;
  warnings?: string[];
  infos?: string[];
}

export type Health = 'up' | 'down' | 'unknown';

export interface Target {
  discoveredLabels: LabelSet;
  labels: LabelSet;
  scrapePool: string;
  scrapeUrl: string;
  globalUrl: string;
  lastError: string;
  lastScrape: string;
  lastScrapeDuration: number;
  health: Health;
  scrapeInterval: string;
  scrapeTimeout: string;
}

export interface Targets {
  activeTargets: Target[];
}

export interface MetricMetadata {
  type: string;
  help: string;
  unit: string;
}

export interface BuildInfo {
  version: string;
  revision: string;
  branch: string;
  buildUser: string;
  buildDate: string;
  // The compiler; Prometheus's name for it.
  goVersion: string;
}

export interface RuntimeInfo {
  startTime: string;
  CWD: string;
  hostname: string;
  serverTime: string;
  reloadConfigSuccess: boolean;
  lastConfigTime: string;
  corruptionCount: number;
  // Threads, processors and bytes, under the names Prometheus gave them.
  goroutineCount: number;
  GOMAXPROCS: number;
  GOMEMLIMIT: number;
  storageRetention: string;
}

export interface NamedCount {
  name: string;
  value: number;
}

export interface TsdbStatus {
  headStats: {
    numSeries: number;
    numLabelPairs: number;
    chunkCount: number;
    minTime: number;
    maxTime: number;
  };
  seriesCountByMetricName: NamedCount[];
  labelValueCountByLabelName: NamedCount[];
  memoryInBytesByLabelName: NamedCount[];
  seriesCountByLabelValuePair: NamedCount[];
}

// feature → on, by category.
export type Features = Record<string, Record<string, boolean>>;
