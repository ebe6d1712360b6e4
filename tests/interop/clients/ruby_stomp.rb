# ruby-stomp against a STOMP server: ruby_stomp.rb HOST PORT VERSION LOGIN PASSCODE VHOST; ends with 1 at the first mismatch.
require 'stomp'
require 'timeout'

HOST, PORT, VERSION, LOGIN, PASSCODE, VHOST = ARGV
WAIT = 5

def check(condition, text)
  return if condition

  warn text
  exit! 1
end

def connect
  headers = { 'accept-version' => VERSION, 'host' => VHOST, 'heart-beat' => '1000,1000' }
  headers = {} if VERSION == '1.0' # the library offers neither in 1.0
  Stomp::Connection.new(hosts: [{ login: LOGIN, passcode: PASSCODE, host: HOST, port: PORT.to_i }], reliable: false,
                        connect_headers: headers, stompconn: VERSION == '1.2')
end

$connection = connect
check($connection.connection_frame.command == 'CONNECTED', "#{$connection.connection_frame}")
check($connection.protocol == VERSION, "version #{$connection.protocol}")
$messages = []
$receipts = []

# Takes what arrives until the block is content; receipts and messages may come in either order.
def wait_for(what)
  Timeout.timeout(WAIT) do
    until (found = yield)
      frame = $connection.receive
      check(frame, "connection lost, waiting for #{what}")
      case frame.command
      when 'MESSAGE' then $messages << frame unless frame.headers['redelivered'] == 'true' # repeated after the NACK below
      when 'RECEIPT' then $receipts << frame.headers['receipt-id']
      else check(false, "#{frame.command} #{frame.headers} #{frame.body}")
      end
    end
    found
  end
rescue Timeout::Error
  check(false, "no #{what} within #{WAIT} s")
end

# The next message, which must be exactly this one.
def message(body, subscription, headers = {})
  frame = wait_for("message #{body.inspect}") { $messages.shift }
  check(frame.body.b == body.b, "body #{frame.body.inspect} instead of #{body.inspect}")
  check(frame.headers['subscription'] == subscription, "subscription in #{frame.headers}")
  headers.each do |name, value|
    got = frame.headers[name]
    check(got && got.b == value.b, "header #{name} is #{got.inspect} instead of #{value.inspect}")
  end
  frame
end

def receipt(id)
  got = wait_for("receipt #{id}") { $receipts.shift }
  check(got == id, "receipt #{got} instead of #{id}")
end

def silence(why)
  Timeout.timeout(0.3) do # receive() and not poll(): that one blocks once it has seen a heart-beat
    while (frame = $connection.receive)
      check(frame.command != 'MESSAGE' || frame.headers['redelivered'] == 'true', "a message arrived #{why}")
    end
    check(false, "connection lost #{why}")
  end
rescue Timeout::Error
  nil
end

def acknowledge(frame, method = :ack, headers = {})
  id = VERSION == '1.2' ? frame.headers['ack'] : frame.headers['message-id']
  headers = headers.merge(subscription: frame.headers['subscription']) if VERSION == '1.1'
  $connection.send(method, id, headers)
end

queue = "/queue/ruby-stomp-#{VERSION}-#{Process.pid}"
name, value = { '1.0' => ['key', 'a:b c'], '1.1' => ["k:e\ny", "a:b\nc\\d"], '1.2' => ["k:e\ny", "a:b\nc\\d\re"] }[VERSION]

# text and binary
destination = "#{queue}-auto"
$connection.subscribe(destination, { id: 's1', receipt: 'r-sub' })
receipt('r-sub')
$connection.publish(destination, 'hello, world', { 'receipt' => 'r1', name => value, 'content-type' => 'text/plain' })
message('hello, world', 's1', { name => value, 'content-type' => 'text/plain', 'destination' => destination })
receipt('r1')
text = 'zażółć – 日本 😀'
$connection.publish(destination, text, { 'receipt' => 'r2', 'word' => text })
message(text, 's1', { 'word' => text })
receipt('r2')
["\0first", "in\0side\0\n\0", "last\0", (0..255).to_a.pack('C*') * 300, ''].each do |body|
  $connection.publish(destination, body)
  message(body, 's1')
end
$connection.unsubscribe(destination, { id: 's1', receipt: 'r-unsub' })
receipt('r-unsub')

# acknowledgements: cumulative, one by one, and refused
destination = "#{queue}-client"
$connection.subscribe(destination, { id: 's2', ack: 'client', receipt: 'r-sub2' })
receipt('r-sub2')
3.times { |n| $connection.publish(destination, "m#{n}") }
frames = (0..2).map { |n| message("m#{n}", 's2') }
acknowledge(frames[1], :ack, { receipt: 'r-ack' })
receipt('r-ack')
acknowledge(frames[2], :ack, { receipt: 'r-ack2' })
receipt('r-ack2')
destination = "#{queue}-individual"
$connection.subscribe(destination, { id: 's3', ack: 'client-individual', receipt: 'r-sub3' })
receipt('r-sub3')
2.times { |n| $connection.publish(destination, "i#{n}") }
frames = (0..1).map { |n| message("i#{n}", 's3') }
acknowledge(frames[1], :ack, { receipt: 'r-ack3' })
receipt('r-ack3')
acknowledge(frames[0], VERSION == '1.0' ? :ack : :nack, { receipt: 'r-ack4' })
receipt('r-ack4')

# transactions: nothing before COMMIT, nothing ever after ABORT
destination = "#{queue}-tx"
$connection.subscribe(destination, { id: 's4', ack: 'client', receipt: 'r-sub4' })
receipt('r-sub4')
$connection.begin('t1', { receipt: 'r-begin' })
receipt('r-begin')
$connection.publish(destination, 'in t1', { transaction: 't1' })
silence('before COMMIT')
$connection.commit('t1', { receipt: 'r-commit' })
frame = message('in t1', 's4')
receipt('r-commit')
$connection.begin('t2')
$connection.publish(destination, 'in t2', { transaction: 't2' })
acknowledge(frame, :ack, { transaction: 't2' })
$connection.abort('t2', { receipt: 'r-abort' })
receipt('r-abort')
silence('after ABORT')
acknowledge(frame, :ack, { receipt: 'r-ack5' }) # ABORT took the first one back
receipt('r-ack5')

if VERSION != '1.0' # idle for longer than either side tolerates silence
  beats = $connection.hbrecv_count
  sleep 4.5
  check($connection.hbrecv_count - beats >= 2, "#{$connection.hbrecv_count - beats} heart-beats in 4.5 s")
  check($connection.hb_received && $connection.hb_sent, 'heart-beats stopped')
end

$connection.disconnect({ receipt: 'r-bye' })
bye = $connection.disconnect_receipt
check(bye && bye.headers['receipt-id'] == 'r-bye', "receipt of DISCONNECT is #{bye}")
exit! 0
