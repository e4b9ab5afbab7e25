-- Says what object storage refuses as google.rpc.Status in JSON, like everything else of this origin: it speaks XML.

-- google.rpc.Code by the HTTP status.
local CODES = { [400] = 3, [403] = 7, [404] = 5, [405] = 12, [409] = 10, [411] = 3, [412] = 9, [413] = 3, [416] = 11 }
local UNAVAILABLE, UNKNOWN = 14, 2

local function quoted(text)
  return '"' .. text:gsub('[%z\1-\31\\"\127-\255]', "?") .. '"'
end

function envoy_on_response(handle)
  local status = tonumber(handle:headers():get(":status"))
  -- What Envoy itself refuses is JSON already.
  if status < 400 or handle:headers():get("content-type") == "application/json" then return end
  local body = handle:body(true)
  local said = body:getBytes(0, body:length())
  -- AccessDenied becomes ACCESS_DENIED, as reasons are written.
  local reason = (said:match("<Code>(%w+)</Code>") or "Refused"):gsub("(%l)(%u)", "%1_%2"):upper()
  local message = said:match("<Message>([^<]*)</Message>") or "object storage refuses this"
  local code = CODES[status] or (status >= 500 and UNAVAILABLE or UNKNOWN)
  local info = '{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":%s,"domain":"automix"}'
  local json = ('{"code":%d,"message":%s,"details":[' .. info .. "]}"):format(code, quoted(message), quoted(reason))
  handle:headers():replace("content-type", "application/json")
  handle:headers():replace("content-length", tostring(body:setBytes(json)))
end
