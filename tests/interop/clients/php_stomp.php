<?php
// PHP's stomp extension against a STOMP server: php_stomp.php HOST PORT VERSION LOGIN PASSCODE VHOST; ends with 1 at the first
// mismatch. The extension escapes nothing, knows 1.0 and 1.1, and copies every header of a MESSAGE into its ACK.
[, $host, $port, $version, $login, $passcode, $vhost] = $argv;
const WAIT = 5;

function check($condition, $text) {
    if (!$condition) {
        fwrite(STDERR, "$text\n");
        exit(1);
    }
}

set_error_handler(function ($number, $text) { check(false, $text); });

try {
    $stomp = new Stomp("tcp://$host:$port", $login, $passcode,
                       $version === '1.0' ? [] : ['accept-version' => $version, 'host' => $vhost]);
    $stomp->setReadTimeout(WAIT);

    function message($body, $headers = []) {
        global $stomp;
        $frame = $stomp->readFrame();
        check($frame !== false, 'no message ' . json_encode($body) . ' within ' . WAIT . ' s');
        check($frame->command === 'MESSAGE', "$frame->command instead of MESSAGE");
        check($frame->body === $body, 'body ' . bin2hex((string)$frame->body) . ' instead of ' . bin2hex($body));
        foreach ($headers as $name => $value) {
            check(($frame->headers[$name] ?? null) === $value, "header $name in " . json_encode($frame->headers));
        }
        return $frame;
    }

    function silence($why) {
        global $stomp;
        $stomp->setReadTimeout(0, 300000);
        check(!$stomp->hasFrame(), "a message arrived $why");
        $stomp->setReadTimeout(WAIT);
    }

    // text and binary; each call with a receipt waits for it, and a MESSAGE that comes first is kept
    $queue = "/queue/php-stomp-$version-" . getmypid();
    check($stomp->subscribe("$queue-auto", ['id' => 's1', 'ack' => 'auto', 'receipt' => 'r-sub']), 'subscribe');
    check($stomp->send("$queue-auto", 'hello, world', ['receipt' => 'r1', 'foo' => 'bar baz']), 'send with receipt');
    message('hello, world', ['foo' => 'bar baz', 'subscription' => 's1', 'destination' => "$queue-auto"]);
    $text = 'zażółć – 日本 😀';
    check($stomp->send("$queue-auto", $text, ['word' => $text]), 'send UTF-8');
    message($text, ['word' => $text]);
    foreach (["\0first", "in\0side\0\n\0", "last\0", str_repeat(implode('', array_map('chr', range(0, 255))), 300)] as $body) {
        check($stomp->send("$queue-auto", $body), 'send binary');
        message($body);
    }
    check($stomp->unsubscribe("$queue-auto", ['id' => 's1', 'receipt' => 'r-unsub']), 'unsubscribe');

    // acknowledgements: given the frame the extension sends all of its headers back, given the id only that
    check($stomp->subscribe("$queue-client", ['id' => 's2', 'ack' => 'client', 'receipt' => 'r-sub2']), 'subscribe');
    for ($n = 0; $n < 3; ++$n) {
        check($stomp->send("$queue-client", "m$n", ['key' => 'value']), 'send');
    }
    $frames = [message('m0'), message('m1'), message('m2')];
    check($stomp->ack($frames[1], ['receipt' => 'r-ack']), 'ack of a frame');
    check($stomp->ack($frames[2]->headers['message-id'], ['receipt' => 'r-ack2', 'subscription' => 's2']), 'ack of an id');

    // transactions: nothing before COMMIT, nothing ever after ABORT
    check($stomp->begin('t1', ['receipt' => 'r-begin']), 'begin');
    check($stomp->send("$queue-client", 'in t1', ['transaction' => 't1']), 'send in a transaction');
    silence('before COMMIT');
    check($stomp->commit('t1', ['receipt' => 'r-commit']), 'commit');
    $first = message('in t1');
    check($stomp->begin('t2'), 'begin');
    check($stomp->send("$queue-client", 'in t2', ['transaction' => 't2']), 'send in a transaction');
    check($stomp->ack($first, ['transaction' => 't2']), 'ack in a transaction');
    check($stomp->abort('t2', ['receipt' => 'r-abort']), 'abort');
    silence('after ABORT');
    check($stomp->ack($first, ['receipt' => 'r-ack3']), 'ack that ABORT took back');
    check($stomp->error() === false, (string)$stomp->error());
    unset($stomp); // DISCONNECT; the extension does not wait for a receipt
} catch (StompException $exception) {
    check(false, $exception->getMessage() . ' ' . $exception->getDetails());
}
