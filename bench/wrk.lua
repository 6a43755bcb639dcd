-- For `bench.wrk`: asks for the paths of a file in turn, or posts a body in which NUMBER is another one every time,
-- each after a pause (ms); says at the end what came of it, as one line of JSON.
local paths, body, salt, pause, sent = {}, nil, "", 0, 0

function init(arguments)
  for line in io.lines(arguments[1]) do
    paths[#paths + 1] = line
  end
  salt, pause, body = arguments[2], tonumber(arguments[3]), arguments[4]
  if pause > 0 then
    function delay() -- before each request, not counted
      return pause
    end
  end
end

function request()
  sent = sent + 1
  local path = paths[sent % #paths + 1]
  if body then
    return wrk.format("POST", path, nil, (body:gsub("NUMBER", salt .. sent)))
  end
  return wrk.format("GET", path)
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"seconds": %f, "requests": %d, "bytes": %d, "p50_ms": %f, "p99_ms": %f, "max_ms": %f, "errors": %d}\n',
    summary.duration / 1e6, summary.requests, summary.bytes,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, latency.max / 1e3,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
