-- Refuses a body that is no JSON object, that names a field which its call does not have, or that holds one value where a
-- field takes an array: Envoy's transcoder drops such fields in silence, so that a misspelt one would look accepted, and
-- takes whatever arrays hold for one list. The route says which fields there are.

local DEEPEST = 32
local value

local function fail(text, at)
  error({ message = text .. " at byte " .. at }, 0)
end

local function space(body, at)
  return body:find("[^ \t\r\n]", at) or #body + 1
end

-- The position after the string that begins at `at`.
local function after_string(body, at)
  local from = at + 1
  while true do
    local stop = body:find('["\\%z\1-\31]', from)
    if not stop then fail("the body is not JSON: a string has no end", at) end
    local byte = body:sub(stop, stop)
    if byte == '"' then return stop + 1 end
    if byte ~= "\\" then fail("the body is not JSON: a control character in a string", stop) end
    from = stop + 2
  end
end

local function object(body, at, fields, path, depth)
  at = space(body, at + 1)
  if body:sub(at, at) == "}" then return at + 1 end
  while true do
    if body:sub(at, at) ~= '"' then fail("the body is not JSON: a field's name was expected", at) end
    local stop = after_string(body, at)
    local name = body:sub(at + 1, stop - 2)
    local inner = true
    if type(fields) == "table" then
      inner = fields[name]
      if inner == nil then
        -- A name may be anything; what is quoted back is short and plain.
        local shown = name:sub(1, 64):gsub("[^%w_.%-]", "?")
        error({ message = "there is no field " .. path .. shown }, 0)
      end
    end
    at = space(body, stop)
    if body:sub(at, at) ~= ":" then fail("the body is not JSON: a colon was expected", at) end
    at = space(body, value(body, space(body, at + 1), inner, path .. name .. ".", depth))
    local byte = body:sub(at, at)
    if byte == "}" then return at + 1 end
    if byte ~= "," then fail("the body is not JSON: a comma or the end of an object was expected", at) end
    at = space(body, at + 1)
  end
end

local function array(body, at, fields, path, depth)
  at = space(body, at + 1)
  if body:sub(at, at) == "]" then return at + 1 end
  while true do
    if body:sub(at, at) == "[" then fail("an array holds no array", at) end
    if body:find("^null", at) then fail("an array holds no null", at) end
    at = space(body, value(body, at, fields, path, depth))
    local byte = body:sub(at, at)
    if byte == "]" then return at + 1 end
    if byte ~= "," then fail("the body is not JSON: a comma or the end of an array was expected", at) end
    at = space(body, at + 1)
  end
end

-- The position after the value that begins at `at`.
function value(body, at, fields, path, depth)
  if depth > DEEPEST then fail("the body is nested too deeply", at) end
  local byte = body:sub(at, at)
  local items = type(fields) == "table" and fields["*"]
  if items then
    if byte == "[" then return array(body, at, items, path, depth + 1) end
    if not body:find("^null", at) then fail("an array was expected", at) end
  end
  if byte == "{" then return object(body, at, fields, path, depth + 1) end
  if byte == "[" then return array(body, at, fields, path, depth + 1) end
  if byte == '"' then return after_string(body, at) end
  local word = body:match("^[%w+.%-]+", at)
  local number = word and word:match("^%-?%d[%d.eE+%-]*$")
  if not (number or word == "true" or word == "false" or word == "null") then
    fail("the body is not JSON: a value was expected", at)
  end
  return at + #word
end

local function check(body, fields)
  local at = space(body, 1)
  if body:sub(at, at) ~= "{" then fail("the body must be a JSON object: one was expected", at) end
  at = space(body, object(body, at, fields, "", 1))
  if at <= #body then fail("the body is not JSON: something follows its end", at) end
end

function envoy_on_request(handle)
  local fields = handle:filterContext():get("fields")
  if fields == nil then return end
  local buffer = handle:body(true)
  local length = buffer:length()
  if length == 0 then return end
  local ok, failure = pcall(check, buffer:getBytes(0, length), fields)
  if not ok then
    handle:respond({ [":status"] = "400" }, type(failure) == "table" and failure.message or "the body cannot be read")
  end
end
