# SPDX-License-Identifier: Apache-2.0
"""ticker_client.py ADDRESS PAUSE: a client of the ticker as its users have written it; only the address and the pause
between two requests are given."""
import sys
import threading
import time

import grpc

import fin_pb2
import fin_pb2_grpc


def run(address, pause):
    try:
        with grpc.insecure_channel(address) as channel:
            stub = fin_pb2_grpc.StockTickerStub(channel)
            print("Connecting to Stock Ticker Server...")

            def request_generator():
                tickers = ["AAPL", "GOOGL", "TSLA", "MSFT"]
                for ticker in tickers:
                    yield fin_pb2.TickerRequest(ticker_symbol=ticker)
                    threading.Event().wait(pause)

            responses = stub.SubscribeToStockUpdates(request_generator())
            for response in responses:
                print(f"\n📈 {response.ticker_symbol}:")
                print(f"   Price: ${response.current_price:.2f}")
                print(f"   Change: {response.price_change:+.2f} ({response.change_percent:+.2f}%)")
                print(f"   Volume: {response.volume:,}")
                print(f"   Time: {time.strftime('%H:%M:%S', time.localtime(response.timestamp))}")
    except grpc.RpcError as e:
        print(f"RPC error: {e}")
    except Exception as e:
        print(f"Error: {e}")


if __name__ == "__main__":
    run(sys.argv[1], float(sys.argv[2]))
