/**
 * What `@opentelemetry/exporter-trace-otlp-proto` 0.223.1 sent for four spans: `GET /cart`, an
 * `invoke_agent`, a `chat` of gpt-4o with messages and an event, and a `chat` with -4 input tokens.
 */
export const EXPORTER_REQUEST = Buffer.from(
  [
    'Cs0JCkEKFgoMc2VydmljZS5uYW1lEgYKBHNob3AKJQobZGVwbG95bWVudC5lbnZpcm9ubWVudC5uYW1lEgYKBHByb2QQABKHCQoTCgpkZW1vLm',
    'luc3RyEgUwLjMuMBKaBQoQiHOSQ8Ro7RqA36uZfl4SdRII3RHsR8b65ssiCGiFK3fBJlTOKgtjaGF0IGdwdC00bzADOUCZrZdGVuoYQWpgsZdG',
    'VuoYSh8KFWdlbl9haS5vcGVyYXRpb24ubmFtZRIGCgRjaGF0SiAKFGdlbl9haS5wcm92aWRlci5uYW1lEggKBm9wZW5haUogChRnZW5fYWkucm',
    'VxdWVzdC5tb2RlbBIICgZncHQtNG9KLAoVZ2VuX2FpLnJlc3BvbnNlLm1vZGVsEhMKEWdwdC00by0yMDI0LTA4LTA2SiIKEmdlbl9haS5yZXNw',
    'b25zZS5pZBIMCgpjaGF0Y21wbC0xSiwKHmdlbl9haS5yZXNwb25zZS5maW5pc2hfcmVhc29ucxIKKggKBgoEc3RvcEogChlnZW5fYWkudXNhZ2',
    'UuaW5wdXRfdG9rZW5zEgMYsAlKKwokZ2VuX2FpLnVzYWdlLmNhY2hlX3JlYWQuaW5wdXRfdG9rZW5zEgMYgAhKIQoaZ2VuX2FpLnVzYWdlLm91',
    'dHB1dF90b2tlbnMSAxi2AkoqCiRnZW5fYWkudXNhZ2UucmVhc29uaW5nLm91dHB1dF90b2tlbnMSAhgASj8KFWdlbl9haS5pbnB1dC5tZXNzYW',
    'dlcxImCiRbeyJyb2xlIjoidXNlciIsImNvbnRlbnQiOiJTRUNSRVQifV1KIgoWZ2VuX2FpLmNvbnZlcnNhdGlvbi5pZBIICgZjb252LTlQAFpZ',
    'CdturpdGVuoYEilnZW5fYWkuY2xpZW50LmluZmVyZW5jZS5vcGVyYXRpb24uZGV0YWlscxohChVnZW5fYWkuaW5wdXQubWVzc2FnZXMSCAoGU0',
    'VDUkVUIABgAHAAegIYAIUBAQEAABLjAQoQiHOSQ8Ro7RqA36uZfl4SdRIIEx8qEeg4rHsiCGiFK3fBJlTOKghjaGF0IGJhZDABOUCZrZdGVuoY',
    'QYUNrpdGVuoYSh8KFWdlbl9haS5vcGVyYXRpb24ubmFtZRIGCgRjaGF0SiAKFGdlbl9haS5wcm92aWRlci5uYW1lEggKBm9wZW5haUogChRnZW',
    '5fYWkucmVxdWVzdC5tb2RlbBIICgZncHQtNG9KKAoZZ2VuX2FpLnVzYWdlLmlucHV0X3Rva2VucxILGPz//////////wFQAGAAcAB6AhgAhQEB',
    'AQAAEksKEEbQP6mc7cTMpfWw/4wbL2oSCC4l+aq8LzT0KglHRVQgL2NhcnQwATmA27yXRlbqGEG6Dr2XRlbqGFAAYABwAHoCGACFAQEBAAASnw',
    'EKEIhzkkPEaO0agN+rmX5eEnUSCGiFK3fBJlTOKhJpbnZva2VfYWdlbnQgYnV5ZXIwATlAma2XRlbqGEFshreXRlbqGEonChVnZW5fYWkub3Bl',
    'cmF0aW9uLm5hbWUSDgoMaW52b2tlX2FnZW50SiAKGWdlbl9haS51c2FnZS5pbnB1dF90b2tlbnMSAxiwCVAAYABwAHoCGACFAQEBAAA=',
  ].join(''),
  'base64',
);
